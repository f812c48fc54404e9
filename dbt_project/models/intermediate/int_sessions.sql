-- one row per market and day on which any of its symbols traded, numbered
with traded as (
    select distinct
        symbols.market,
        prices.day
    from {{ ref('stg_market__prices') }} as prices
    inner join {{ ref('stg_market__symbols') }} as symbols on prices.symbol_id = symbols.symbol_id
)

select
    market,
    day,
    row_number() over (partition by market order by day) as session_number
from traded
