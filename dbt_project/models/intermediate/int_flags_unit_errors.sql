-- one row per symbol and first day of closes in a wrong unit
with moves as (
    select * from {{ ref('int_flags_moves') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

-- Minor units differ by as much from their major (GBX, GBp, ZAc, ILA are hundredths, KWF thousandths).
unit_ratios (units) as (
    values (100), (1000)
),

unit_moves as (
    select
        moves.*,
        unit_ratios.units
    from moves
    inner join unit_ratios on abs(moves.times / unit_ratios.units - 1) <= {{ var('unit_ratio_tolerance') }}
),

paired as (
    select
        *,
        lead(day) over by_day as next_move_on,
        lead(close) over by_day as close_after,
        lead(session_before) over by_day as last_session,
        coalesce(
            lead(units) over by_day = units
            and lead(is_up) over by_day <> is_up
            and lead(session_number) over by_day - session_number <= {{ var('longest_unit_error_sessions') }},
            false
        ) as is_reversed
    from unit_moves
    window by_day as (partition by symbol_id order by day)
),

{{ first_moves_of_pairs() }}

select
    first_moves.symbol_id,
    first_moves.day,
    coalesce(sessions.day, first_moves.day) as last_day,
    'unit_error' as flag,
    'grave' as severity,
    case
        when first_moves.units = first_moves.units_of_currency then 'minor unit of the currency'
        else 'decimal point or unit'
    end as likely_cause,
    first_moves.day_before,
    first_moves.close_before,
    first_moves.close,
    case when first_moves.is_reversed then first_moves.next_move_on end as returned_on,
    case when first_moves.is_reversed then first_moves.close_after end as close_after,
    case when first_moves.is_reversed then first_moves.last_session - first_moves.session_number + 1 end as days
from first_moves
left join sessions
    on
        first_moves.is_reversed
        and first_moves.market = sessions.market
        and first_moves.last_session = sessions.session_number
where first_moves.is_reversed or first_moves.units = first_moves.units_of_currency
