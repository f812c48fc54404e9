-- one row per symbol and fiscal quarter: the report that was given, or the one that is expected
select
    symbol_id,
    fiscal_end,
    report_date,
    report_time,
    source = 'EARNINGS' as is_reported,
    reported_eps,
    estimated_eps,
    currency
from {{ source('market', 'earnings') }}
