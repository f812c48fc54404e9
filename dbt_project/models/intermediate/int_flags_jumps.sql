-- one row per symbol and day whose close jumped, stayed there, and is explained by no split in force
with moves as (
    select * from {{ ref('int_flags_moves') }}
),

explained as (
    select
        symbol_id,
        day,
        returned_on
    from {{ ref('int_flags_unit_errors') }}
    union all
    select
        symbol_id,
        day,
        returned_on
    from {{ ref('int_flags_spikes') }}
),

splits as (
    select * from {{ ref('stg_market__splits') }}
),

-- By how much one split mostly moves the close, and whether minor units differ by as much: then it may be the unit too.
round_ratios (ratio, is_a_units) as (
    values
    (2, false), (3, false), (4, false), (5, false), (7, false), (10, false), (20, false), (50, false),
    (100, true), (1000, true)
),

unexplained as (
    select moves.*
    from moves
    where not exists (
        select 1
        from explained
        where moves.symbol_id = explained.symbol_id and moves.day in (explained.day, explained.returned_on)
    )
),

judged as (
    select
        unexplained.*,
        round_ratios.is_a_units,
        coalesce(abs(unexplained.times / round_ratios.ratio - 1) <= {{ var('round_ratio_tolerance') }}, false)
            as is_at_round_ratio,
        -- A split is there from the open on and draws no crowd; a crash runs through the day, or draws one. A symbol
        -- without a usual turnover yet has no ordinary one.
        coalesce(
            round_ratios.ratio is not null
            and abs(
                greatest(unexplained.open, unexplained.close_before)
                / least(unexplained.open, unexplained.close_before)
                / round_ratios.ratio - 1
            ) <= {{ var('split_day_tolerance') }}
            and unexplained.turnover <= {{ var('most_ordinary_turnover') }} * unexplained.usual_turnover * (1 + 1e-9),
            false
        ) as is_quietly_near_one,
        -- A jump of just 5 times must not hang on the adjustment's last digits.
        unexplained.times >= {{ var('least_jump_times') }} * (1 - 1e-9) as is_wide
    from unexplained
    left join round_ratios
        on abs(unexplained.times / round_ratios.ratio - 1) <= {{ var('split_day_tolerance') }}
),

-- The adjustment itself makes such a move where a split is known of which the prices, as quoted, show nothing.
not_in_prices as (
    select distinct
        judged.symbol_id,
        judged.day
    from judged
    inner join splits
        on
            judged.symbol_id = splits.symbol_id
            and judged.day_before < splits.effective_date
            and judged.day >= splits.effective_date
            and judged.is_up = (splits.factor > 1)
            and abs(judged.times / greatest(splits.factor, 1 / splits.factor) - 1) <= {{ var('split_day_tolerance') }}
),

jumps as (
    select
        *,
        is_quietly_near_one or (is_wide and is_at_round_ratio) as is_like_a_split
    from judged
)

select
    jumps.symbol_id,
    jumps.day,
    jumps.day as last_day,
    'jump_without_split' as flag,
    case
        when jumps.is_at_round_ratio or jumps.times >= {{ var('grave_jump_times') }} * (1 - 1e-9) then 'grave'
        else 'doubtful'
    end as severity,
    case
        when not_in_prices.day is not null then 'split not in the prices'
        when jumps.is_like_a_split and jumps.is_a_units then 'split missing or wrong unit'
        when jumps.is_like_a_split then 'split missing'
        else 'not known'
    end as likely_cause,
    jumps.day_before,
    jumps.close_before,
    jumps.close,
    null::date as returned_on,
    null::double precision as close_after,
    null::bigint as days
from jumps
left join not_in_prices on jumps.symbol_id = not_in_prices.symbol_id and jumps.day = not_in_prices.day
where jumps.is_wide or jumps.is_like_a_split
