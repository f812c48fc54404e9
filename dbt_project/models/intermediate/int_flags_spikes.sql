-- one row per symbol and day whose close moved far and came back with the symbol's next bar
with moves as (
    select * from {{ ref('int_flags_moves') }}
),

unit_errors as (
    select * from {{ ref('int_flags_unit_errors') }}
),

splits as (
    select * from {{ ref('stg_market__splits') }}
),

-- A move that the unit explains, there or back, is no spike.
unexplained as (
    select moves.*
    from moves
    where not exists (
        select 1
        from unit_errors
        where moves.symbol_id = unit_errors.symbol_id and moves.day in (unit_errors.day, unit_errors.returned_on)
    )
),

followed as (
    select
        *,
        lead(day) over by_day as next_move_on,
        lead(close) over by_day as close_after,
        -- The next move is the next bar's, and that bar not far away.
        coalesce(lead(session_before) over by_day = session_number and not lead(is_after_gap) over by_day, false)
            as moves_on
    from unexplained
    window by_day as (partition by symbol_id order by day)
),

paired as (
    select
        *,
        moves_on
        and times >= {{ var('least_spike_times') }} * (1 - 1e-9)
        and greatest(close_after, close_before) / least(close_after, close_before)
        <= (1 + {{ var('spike_returns_within') }}) * (1 + 1e-9) as is_reversed
    from followed
),

{{ first_moves_of_pairs() }},

at_splits as (
    select distinct
        first_moves.symbol_id,
        first_moves.day
    from first_moves
    inner join splits
        on
            first_moves.symbol_id = splits.symbol_id
            and splits.effective_date between first_moves.day and first_moves.next_move_on
            and abs(first_moves.times / greatest(splits.factor, 1 / splits.factor) - 1)
            <= {{ var('spike_returns_within') }}
),

spikes as (
    select
        first_moves.*,
        -- Nothing was traded between the two levels: no market moves so, a wrong bar does.
        case
            when first_moves.is_up
                then first_moves.low > greatest(first_moves.close_before, first_moves.close_after) * (1 + 1e-9)
            else first_moves.high < least(first_moves.close_before, first_moves.close_after) * (1 - 1e-9)
        end as is_apart,
        at_splits.day is not null as is_at_split
    from first_moves
    left join at_splits on first_moves.symbol_id = at_splits.symbol_id and first_moves.day = at_splits.day
    where first_moves.is_reversed
)

select
    symbol_id,
    day,
    day as last_day,
    'spike' as flag,
    case
        when is_at_split or is_apart or times >= {{ var('least_jump_times') }} * (1 - 1e-9) then 'grave'
        else 'doubtful'
    end as severity,
    case
        when is_at_split then 'split on a wrong day'
        when is_apart then 'wrong bar'
        else 'wrong close'
    end as likely_cause,
    day_before,
    close_before,
    close,
    next_move_on as returned_on,
    close_after,
    1 as days
from spikes
