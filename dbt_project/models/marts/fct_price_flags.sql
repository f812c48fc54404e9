-- one row per symbol, day and flag: doubtful prices, which are kept and ranked all the same
with returns as (
    select * from {{ ref('int_returns') }}
),

symbols as (
    select * from {{ ref('dim_symbols') }}
),

-- By how much one split mostly moves the close, and whether minor units differ by as much (GBX, GBp, ZAc, ILA are
-- hundredths, KWF thousandths): then it may be the unit too.
round_ratios (ratio, is_a_units) as (
    values
    (2, false), (3, false), (4, false), (5, false), (7, false), (10, false), (20, false), (50, false),
    (100, true), (1000, true)
),

moves as (
    select
        symbol_id,
        day,
        close,
        close_before,
        close / close_before as ratio,
        -- Up or down alike: a fifth and five times are both 5.
        greatest(close, close_before) / least(close, close_before) as times
    from returns
),

jumps as (
    select
        moves.*,
        round_ratios.is_a_units,
        round_ratios.ratio is not null as is_at_round_ratio
    from moves
    left join round_ratios
        on abs(moves.times / round_ratios.ratio - 1) <= {{ var('round_ratio_tolerance') }}
    -- The adjustment rounds in the last digits: a jump of just 5 times must not hang on them.
    where moves.times >= {{ var('least_jump_times') }} * (1 - 1e-9)
)

select
    jumps.symbol_id,
    symbols.symbol,
    jumps.day,
    'jump_without_split' as flag,
    case
        when jumps.is_at_round_ratio or jumps.times >= {{ var('grave_jump_times') }} * (1 - 1e-9) then 'grave'
        else 'doubtful'
    end as severity,
    case
        when jumps.is_a_units then 'split missing or wrong unit'
        when jumps.is_at_round_ratio then 'split missing'
        else 'not known'
    end as likely_cause,
    jumps.ratio,
    jumps.close_before,
    jumps.close
from jumps
inner join symbols on jumps.symbol_id = symbols.symbol_id
