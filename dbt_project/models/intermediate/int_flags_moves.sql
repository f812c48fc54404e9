-- one row per symbol and day whose close moved so far that it may be a unit error, a spike or a jump
with returns as (
    select * from {{ ref('int_returns') }}
),

-- By three names, since each is looked up along the key: a CTE that is named twice would be copied whole.
bars as (
    select * from {{ ref('stg_market__prices') }}
),

bars_before as (
    select * from {{ ref('stg_market__prices') }}
),

bars_of_ticks as (
    select * from {{ ref('stg_market__prices') }}
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

minor_units as (
    select * from {{ ref('stg_market__currencies') }}
    where units_per_major > 1
),

-- A price may be off by the same factor in the minor currency and in its major.
units as (
    select
        currency,
        units_per_major
    from minor_units
    union
    select
        major_currency as currency,
        units_per_major
    from minor_units
),

-- Few rows, where the planner expects a third of all: so each has its market put in here, its prices by laterals. Else
-- it sorts every session of every symbol, or reads every price, for a handful.
far as (
    select
        returns.*,
        symbols.market,
        symbols.currency,
        -- Up or down alike: a fifth and five times are both 5.
        greatest(returns.close, returns.close_before) / least(returns.close, returns.close_before) as times
    from returns
    inner join symbols on returns.symbol_id = symbols.symbol_id
    -- The least that any of the flags asks for: a spike's way back. The adjustment rounds in the last digits.
    where
        greatest(returns.close, returns.close_before) / least(returns.close, returns.close_before)
        >= {{ var('least_spike_times') }} / (1.0 + {{ var('spike_returns_within') }}) * (1 - 1e-9)
),

bar_of_day as (
    select
        far.symbol_id,
        far.day,
        bar.open,
        bar.low,
        bar.high,
        bar.close,
        bar.volume,
        -- In the share of the day, as its close was quoted.
        abs(1 - far.close_before / far.close) * bar.close as price_move,
        least(1, far.close_before / far.close) * bar.close as lower_close,
        -- Without a rate of the day 1: a yen, a won, a rupiah, a cent of the rand.
        coalesce({{ var('largest_tick_usd') }} * bar.close / bar.close_usd, 1) as largest_tick
    from far
    cross join
        lateral (
            select bars.*
            from bars
            where bars.symbol_id = far.symbol_id and bars.day = far.day
            order by bars.day
            limit 1
        ) as bar
),

-- Where no tick could explain the move, as it is so wide in money or in times the lower close, no bar is read.
quotes as (
    select
        bar_of_day.symbol_id,
        bar_of_day.day,
        quoted.price
    from bar_of_day
    cross join
        lateral (
            select bars_of_ticks.*
            from bars_of_ticks
            where
                bars_of_ticks.symbol_id = bar_of_day.symbol_id and bars_of_ticks.day <= bar_of_day.day
                and bar_of_day.price_move
                < {{ var('least_ticks') }} * least(bar_of_day.largest_tick, bar_of_day.lower_close)
            order by bars_of_ticks.day desc
            -- The day's own, and those before.
            limit {{ var('tick_bars') }} + 1
        ) as bar
    cross join lateral unnest(array[bar.open, bar.high, bar.low, bar.close]) as quoted (price)
),

steps as (
    select
        symbol_id,
        day,
        price - lag(price) over (partition by symbol_id, day order by price) as step
    from quotes
),

ticks as (
    select
        symbol_id,
        day,
        min(step) as tick
    from steps
    where step > 0
    group by symbol_id, day
),

usual as (
    select
        far.symbol_id,
        far.day,
        avg(bar.close * bar.volume) as turnover
    from far
    cross join
        lateral (
            select bars_before.*
            from bars_before
            where bars_before.symbol_id = far.symbol_id and bars_before.day < far.day
            order by bars_before.day desc
            limit {{ var('usual_turnover_bars') }}
        ) as bar
    group by far.symbol_id, far.day
    -- Of a few bars nothing is usual: a listing's first day turns over many times what follows.
    having count(*) = {{ var('usual_turnover_bars') }}
)

select
    far.symbol_id,
    far.market,
    far.day,
    sessions.session_number,
    sessions_before.session_number as session_before,
    sessions_before.day as day_before,
    far.close_before,
    far.close,
    far.is_after_gap,
    far.times,
    far.close > far.close_before as is_up,
    -- In today's share, as the closes are.
    bar_of_day.open * (far.close / bar_of_day.close) as open,
    bar_of_day.low * (far.close / bar_of_day.close) as low,
    bar_of_day.high * (far.close / bar_of_day.close) as high,
    -- Money, which no split changes.
    bar_of_day.close * bar_of_day.volume as turnover,
    usual.turnover as usual_turnover,
    units.units_per_major as units_of_currency
from far
inner join sessions on far.market = sessions.market and far.day = sessions.day
inner join sessions as sessions_before
    on
        far.market = sessions_before.market
        and sessions.session_number - far.missed_sessions - 1 = sessions_before.session_number
inner join bar_of_day on far.symbol_id = bar_of_day.symbol_id and far.day = bar_of_day.day
left join ticks on far.symbol_id = ticks.symbol_id and far.day = ticks.day
left join usual on far.symbol_id = usual.symbol_id and far.day = usual.day
left join units on far.currency = units.currency
where
    -- least() leaves out a null, a tick that was not looked for.
    bar_of_day.price_move
    >= {{ var('least_ticks') }} * least(ticks.tick, bar_of_day.largest_tick, bar_of_day.lower_close) * (1 - 1e-9)
