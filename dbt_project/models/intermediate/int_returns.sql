-- one row per symbol and trading day: int_daily_returns, stored for flags, cone and earnings, which read it whole. The
-- windows do not.
select * from {{ ref('int_daily_returns') }}
