-- one row per symbol
with bars as (
    select
        symbol_id,
        min(day) as first_bar,
        max(day) as last_bar
    from {{ ref('stg_market__prices') }}
    group by symbol_id
)

select
    symbols.symbol_id,
    symbols.symbol,
    symbols.name,
    symbols.market,
    symbols.currency,
    symbols.type,
    symbols.status,
    symbols.delisted_on,
    bars.first_bar,
    bars.last_bar
from {{ ref('stg_market__symbols') }} as symbols
left join bars on symbols.symbol_id = bars.symbol_id
