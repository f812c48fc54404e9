-- one row per symbol with splits and stretch of days between them: what a price is divided by to count in today's share
with splits as (
    select * from {{ ref('stg_market__splits') }}
),

stretches as (
    -- A price before a split is worth 1 / factor of itself in shares after it; splits multiply.
    select
        symbol_id,
        lag(effective_date, 1, '-infinity'::date) over by_date as first_day,
        effective_date as next_day,
        exp(
            sum(ln(factor)) over (
                partition by symbol_id
                order by effective_date
                rows between current row and unbounded following
            )
        ) as factor
    from splits
    window by_date as (partition by symbol_id order by effective_date)
)

select
    symbol_id,
    first_day,
    next_day,
    factor
from stretches
