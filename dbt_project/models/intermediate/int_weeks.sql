-- one row per symbol and ISO week in which it traded: count, mean and sum of squared deviations of prices and returns
with returns as (
    select
        *,
        date_trunc('week', day::timestamp)::date as week_start
    from {{ ref('int_returns') }}
)

select
    symbol_id,
    week_start,
    count(*)::integer as days,
    count(close_usd)::integer as prices,
    avg(close_usd) as price_mean,
    coalesce(var_pop(close_usd) * count(close_usd), 0) as price_m2,
    count(log_return)::integer as returns,
    avg(log_return) as return_mean,
    coalesce(var_pop(log_return) * count(log_return), 0) as return_m2,
    count(log_return_usd)::integer as returns_usd,
    avg(log_return_usd) as return_usd_mean,
    coalesce(var_pop(log_return_usd) * count(log_return_usd), 0) as return_usd_m2
from returns
group by symbol_id, week_start
