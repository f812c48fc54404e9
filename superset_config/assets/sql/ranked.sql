{#- One row per symbol, ranked or left out, for what the dashboard's filters hold: `ranked`. Market, currency and type
    narrow the field before the ranks are given, so a chosen market reads 1, 2, 3...
    The first list of a column goes into the function; what it does not take (a second list, by a click, or a symbol
    without a currency) narrows its answer, and the ranks are given anew.
    `top`, where the dataset has set it: so many rows are enough, and nobody's reason is asked for. The function then
    cuts before it reads anything wide, unless its answer is narrowed further.
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
  'Deviation % local': 'deviation_pct_local',
  'Deviation local': 'price_deviation_local',
  'Parkinson': 'parkinson',
  'Garman-Klass': 'garman_klass',
  'Rogers-Satchell': 'rogers_satchell',
  'Yang-Zhang': 'yang_zhang',
  'Greatest move': 'greatest_absolute_move',
} -%}
{%- set columns = {
  'volatility': 'volatility_annualised',
  'deviation_pct': 'deviation_pct',
  'price_deviation': 'price_deviation_usd',
  'volatility_usd': 'volatility_usd_annualised',
  'deviation_pct_local': 'deviation_pct_local',
  'price_deviation_local': 'price_deviation',
  'parkinson': 'parkinson_annualised',
  'garman_klass': 'garman_klass_annualised',
  'rogers_satchell': 'rogers_satchell_annualised',
  'yang_zhang': 'yang_zhang_annualised',
  'greatest_absolute_move': 'greatest_absolute_move',
} -%}
{%- set units = {
  'volatility': '% a year',
  'deviation_pct': '% of price',
  'price_deviation': 'USD',
  'volatility_usd': '% a year',
  'deviation_pct_local': '% of price',
  'price_deviation_local': 'quoted currency',
  'parkinson': '% a year',
  'garman_klass': '% a year',
  'rogers_satchell': '% a year',
  'yang_zhang': '% a year',
  'greatest_absolute_move': '% log return',
} -%}
{%- set look_back = chosen(look_backs, filter_values('look_back', remove_filter=True), '1 year') -%}
{%- set measure = chosen(measures, filter_values('measure', remove_filter=True), 'Volatility') -%}
{%- set scale = 100 if units[measure].startswith('%') else 1 -%}
{%- set field = namespace(arguments='', conditions='') -%}
{%- set lists = {'market': 'markets', 'currency': 'currencies', 'type': 'types'} -%}
{%- for column in ('market', 'currency', 'type') %}
  {%- for filter in get_filters(column, remove_filter=True) %}
    {%- if filter.op == 'IN' %}
      {%- set values = filter.val|where_in|replace('%%', '%') %}
      {%- if loop.first %}
        {%- set field.arguments = field.arguments ~ ', ' ~ lists[column] ~ ' => array[' ~ values[1:-1] ~ ']::text[]' %}
      {%- else %}
        {%- set field.conditions = field.conditions ~ ' and ' ~ column ~ ' in ' ~ values %}
      {%- endif %}
    {%- elif filter.op == 'IS NULL' %}
      {%- set field.conditions = field.conditions ~ ' and ' ~ column ~ ' is null' %}
    {%- else %}{{ refused(column, filter.op) }}
    {%- endif %}
  {%- endfor %}
{%- endfor -%}
with ranked as (
  select
    {% if field.conditions %}case when rank is not null then rank() over (order by rank nulls last) end{% else %}rank{% endif %} as rank,
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
  from marts.ranking(
    look_back => interval '{{ look_back }}', measure => '{{ measure }}', as_of => null
    {{- field.arguments }}{% if top is defined and not field.conditions %}, top => {{ top }}{% endif %}
  )
  where true{{ field.conditions }}
)
