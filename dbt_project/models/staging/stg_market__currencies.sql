-- one row per quoted currency that is a fraction, or an odd code, of another
select
    currency,
    major_currency,
    units_per_major
from {{ source('market', 'currencies') }}
