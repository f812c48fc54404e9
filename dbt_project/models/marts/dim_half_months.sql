{{ config(post_hook="{{ create_earnings_influence_function(this.schema) }}") }}
-- depends_on: {{ ref('dim_symbols') }}
-- depends_on: {{ ref('fct_windows') }}
-- depends_on: {{ ref('fct_symbol_volatility') }}
-- one row per half-month of the year: whether it is an earnings season. earnings_influence, made with it, reads it.
select
    month,
    half,
    (month % 3 = 1 and half = 2) or (month % 3 = 2 and half = 1) as is_reporting_season,
    (month % 3 = 0 and half = 2) or (month % 3 = 1 and half = 1) as is_season_of_2020
from generate_series(1, 12) as months (month)
cross join generate_series(1, 2) as halves (half)
