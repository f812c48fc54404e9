-- one row: the one date that rules all
select max(market_date) as market_date
from {{ source('market', 'market_dates') }}
