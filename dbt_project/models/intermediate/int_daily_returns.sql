{{ config(materialized='view') }}
-- one row per symbol and trading day: the bar in today's share and the log return since the day before. A view, which
-- int_weeks reads to be made whole; to follow the changes it makes the same of a few bars.
with prices as (
    select * from {{ ref('stg_market__prices') }}
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
),

-- Looked up for a few rows: named twice, it would else be copied whole.
sessions as not materialized (
    select * from {{ ref('int_sessions') }}
),

split_factors as (
    select * from {{ ref('int_split_factors') }}
),

{{ daily_returns() }}

select * from daily_returns
-- As they come: without it int_weeks would not know, and sort them again.
order by symbol_id, week_start, day
