-- one row per symbol and two-week window in which it traded, the one that has begun included
select
    symbol_id,
    window_start,
    window_end,
    is_complete,
    days,
    returns,
    average_price_usd,
    price_deviation_usd,
    deviation_pct,
    volatility_annualised,
    volatility_usd_annualised
from {{ ref('int_windows') }}
