{{ config(
    materialized='incremental',
    incremental_strategy='follow_changes',
    unique_key=['symbol_id', 'week_start'],
    on_schema_change='fail',
    indexes=[{'columns': ['symbol_id', 'week_start'], 'unique': true}],
    pre_hook="{{ leave_new_pages_uncompressed() }}",
    post_hook=["{{ remember_changes(this) }}", "{{ analyze_when_new(this, ['symbol_id', 'week_start']) }}"]
) }}
{#- Of the bars with an overnight return, and of the others: so that each bar's term is taken once. -#}
{%- set rogers_satchell -%}
    sum(open_to_high * (open_to_high - open_to_close) + open_to_low * (open_to_low - open_to_close))
{%- endset -%}
{%- set with_overnight = rogers_satchell ~ ' filter (where overnight is not null)' -%}
{%- set without_overnight = rogers_satchell ~ ' filter (where overnight is null)' -%}
-- one row per symbol and ISO week in which it traded: what the measures of a window are merged from
-- A row needs the week's rows of int_daily_returns and nothing else.
{{ what_changed_returns_read() }}
{% if is_incremental() %}
    with {{ changed_returns(this) }},
{% else %}
    with returns as (
        select * from {{ ref('int_daily_returns') }}
    ),
{% endif %}

terms as (
    select
        symbol_id,
        week_start,
        close,
        {{ leading_digits('close') }} as close_head,
        close_usd,
        {{ leading_digits('close_usd') }} as close_usd_head,
        log_return,
        log_return_usd,
        turnover_usd,
        case when is_consistent then ln(high / open) end as open_to_high,
        case when is_consistent then ln(low / open) end as open_to_low,
        case when is_consistent then ln(close / open) end as open_to_close,
        -- Where there is no return, the open has none either: the bar is left out of Yang-Zhang whole.
        case when is_consistent and not is_after_gap then ln(open / close_before) end as overnight
    from returns
    order by symbol_id, week_start
    -- Keeps Postgres from taking each logarithm once for each sum that it is in.
    offset 0
)

select
    symbol_id,
    week_start,
    sum(close_head) as close_sum,
    sum(close - close_head) as close_sum_rest,
    {{ group_m2_of_parts('close_head', 'close - close_head') }} as close_m2,
    sum(close_usd_head) as close_usd_sum,
    sum(close_usd - close_usd_head) as close_usd_sum_rest,
    {{ group_m2_of_parts('close_usd_head', 'close_usd - close_usd_head') }} as close_usd_m2,
    avg(log_return) as return_mean,
    {{ group_m2('log_return', 'count(log_return)') }} as return_m2,
    -- One pass for both: regr_ takes the rows in which neither is null. Every return in USD has a local one.
    regr_avgy(log_return_usd, log_return) as return_usd_mean,
    coalesce(regr_syy(log_return_usd, log_return), 0) as return_usd_m2,
    -- The local returns of the days that have one in USD, for the share of FX.
    regr_avgx(log_return_usd, log_return) as return_beside_usd_mean,
    coalesce(regr_sxx(log_return_usd, log_return), 0) as return_beside_usd_m2,
    max(abs(log_return)) as greatest_absolute_move,
    sum(turnover_usd) as turnover_usd,
    sum((open_to_high - open_to_low) * (open_to_high - open_to_low)) as high_low_squares,
    sum(open_to_close * open_to_close) as open_to_close_squares,
    {{ merged_sum(with_overnight, without_overnight) }} as rogers_satchell_sum,
    regr_avgy(overnight, open_to_close) as overnight_mean,
    coalesce(regr_syy(overnight, open_to_close), 0) as overnight_m2,
    regr_avgx(overnight, open_to_close) as open_to_close_mean,
    coalesce(regr_sxx(overnight, open_to_close), 0) as open_to_close_m2,
    {{ with_overnight }} as yang_zhang_rogers_satchell_sum,
    count(*)::integer as days,
    regr_count(close_usd - close_usd_head, close_usd_head)::integer as prices_usd,
    count(log_return)::integer as returns,
    regr_count(log_return_usd, log_return)::integer as returns_usd,
    count(open_to_close)::integer as bars,
    regr_count(overnight, open_to_close)::integer as yang_zhang_bars
from terms
group by symbol_id, week_start
