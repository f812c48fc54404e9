{#- One row per symbol, ranked or left out, for what the dashboard's filters hold: `ranked`. Market, currency and type
    narrow the field before the ranks are given, so a chosen market reads 1, 2, 3...
    A score is the value in the unit that people read: percent for the shares, dollars for the dollars.
    where_in doubles each percent sign, for a driver that is not there. -#}
{%- set look_backs = {
  '1 month': '1 month',
  '3 months': '3 months',
  '6 months': '6 months',
  '1 year': '1 year',
  '2 years': '2 years',
  '5 years': '5 years',
  '10 years': '10 years',
  '20 years': '20 years',
} -%}
{%- set measures = {
  'Volatility': 'volatility',
  'Deviation %': 'deviation_pct',
  'Deviation USD': 'price_deviation',
  'Volatility USD': 'volatility_usd',
} -%}
{%- set columns = {
  'volatility': 'volatility_annualised',
  'deviation_pct': 'deviation_pct',
  'price_deviation': 'price_deviation_usd',
  'volatility_usd': 'volatility_usd_annualised',
} -%}
{%- set units = {
  'volatility': '% a year',
  'deviation_pct': '% of price',
  'price_deviation': 'USD',
  'volatility_usd': '% a year',
} -%}
{%- set look_back = chosen(look_backs, filter_values('look_back', remove_filter=True), '1 year') -%}
{%- set measure = chosen(measures, filter_values('measure', remove_filter=True), 'Volatility') -%}
{%- set scale = 100 if units[measure].startswith('%') else 1 -%}
with ranked as (
  select
    case when rank is not null then rank() over (order by rank nulls last) end as rank,
    symbol,
    name,
    market,
    currency,
    type,
    value,
    {{ scale }} * value as score,
    '{{ units[measure] }}' as unit,
    volatility_annualised,
    volatility_usd_annualised,
    deviation_pct,
    price_deviation_usd,
    average_price_usd,
    windows,
    windows_expected,
    last_bar,
    left_out_reason
  from marts.ranking(look_back => interval '{{ look_back }}', measure => '{{ measure }}', as_of => null)
  where true
    {%- for column in ('market', 'currency', 'type') %}
    {%- for filter in get_filters(column, remove_filter=True) %}
    and {{ column }} {% if filter.op == 'IS NULL' %}is null{% elif filter.op == 'IN' %}in {{ filter.val|where_in|replace('%%', '%') }}
    {%- else %}{{ refused(column, filter.op) }}{% endif %}
    {%- endfor %}
    {%- endfor %}
)
