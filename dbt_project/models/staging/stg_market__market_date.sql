{{ config(materialized='table') }}
-- one row: the one date that rules all. A table, so that one build reads it once: a producer may start meanwhile.
select max(market_date) as market_date
from {{ source('market', 'market_dates') }}
