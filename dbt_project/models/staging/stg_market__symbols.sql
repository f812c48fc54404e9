-- one row per symbol
select
    symbol_id,
    symbol,
    name,
    type,
    region as market,
    currency,
    exchange,
    status,
    delisted_on
from {{ source('market', 'symbols') }}
