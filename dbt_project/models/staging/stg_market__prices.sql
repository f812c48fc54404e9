-- one row per symbol and trading day whose session had closed when it was asked for
select
    symbol_id,
    day,
    open,
    high,
    low,
    close,
    volume,
    close_usd
from {{ source('market', 'prices') }}
where not provisional
