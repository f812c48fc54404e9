{{ config(post_hook="{{ create_ranking_functions(this.schema) }}") }}
-- depends_on: {{ ref('dim_symbols') }}
-- depends_on: {{ ref('fct_windows') }}
-- depends_on: {{ ref('fct_price_flags') }}
-- depends_on: {{ ref('fct_earnings_by_symbol') }}
-- depends_on: {{ ref('dim_half_months') }}
-- one row: the market date that all figures are measured from. Built last, so that it speaks for finished tables.
select
    market_date.market_date,
    (select max(cumulative.window_end) from {{ ref('fct_cumulative') }} as cumulative) as last_window_end,
    (select max(symbols.last_bar) from {{ ref('dim_symbols') }} as symbols) as newest_bar,
    now() as built_at
from {{ ref('stg_market__market_date') }} as market_date
