{{ config(indexes=[{'columns': ['symbol_id', 'window_start'], 'unique': true}]) }}
-- one row per symbol and two-week window in which it traded, the one that has begun included
select
    symbol_id,
    window_start,
    window_end,
    is_complete,
    days,
    returns,
    bars,
    average_price,
    average_price_usd,
    price_deviation,
    price_deviation_usd,
    deviation_pct_local,
    deviation_pct,
    volatility_annualised,
    volatility_usd_annualised,
    parkinson_annualised,
    garman_klass_annualised,
    rogers_satchell_annualised,
    yang_zhang_annualised,
    greatest_absolute_move,
    turnover_usd,
    fx_variance_share
from {{ ref('int_windows') }}
