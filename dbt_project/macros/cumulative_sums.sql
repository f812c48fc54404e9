{# The columns of the windows that fct_cumulative sums up: the measures, and the price. #}
{% macro cumulated_columns() -%}
    {{ return(measures().values() | list + ['average_price_usd']) }}
{%- endmacro %}

{# Whether a column grows with the price. In today's share, prices before two 1:1000 reverse splits are a millionfold: the
   difference of two sums that hold them has lost the digits of the windows since. So such a sum is kept in two columns:
   the part on a grid, whose sums are exact in float8, and the rest, whose sums stay small. #}
{% macro is_price_level(column) -%}
    {{ return('price' in column) }}
{%- endmacro %}

{# The part of a value on the grid of 2^-10; the difference to the value is exact too. Up to 2^43 the sum of such parts is
   exact: 52 of the 53 binary digits that float8 has. #}
{% macro on_grid(value) -%}
    (floor({{ value }} * 1024) / 1024)
{%- endmacro %}

{# What a column grew by between two rows of fct_cumulative; `earlier` may be a missing row. #}
{% macro growth(earlier, later, column) -%}
    ({{ later }}.{{ column }} - coalesce({{ earlier }}.{{ column }}, 0))
{%- endmacro %}

{# Sum of a column over the windows between them. #}
{% macro sum_between(earlier, later, column) -%}
    {%- set whole = growth(earlier, later, column ~ '_sum') -%}
    {%- if is_price_level(column) -%}
        ({{ whole }} + {{ growth(earlier, later, column ~ '_sum_rest') }})
    {%- else -%}
        {{ whole }}
    {%- endif -%}
{%- endmacro %}

{# The mean over them; null where no window has a value. #}
{% macro mean_between(earlier, later, column) -%}
    {{ sum_between(earlier, later, column) }} / nullif({{ growth(earlier, later, column ~ '_windows') }}, 0)
{%- endmacro %}

{# What a sum or count of fct_cumulative goes on from: a column of the symbol's last row that stays, `kept`, where rows do. #}
{% macro so_far(column, goes_on) -%}
    {{ 'coalesce(kept.' ~ column ~ ', 0) + ' if goes_on }}
{%- endmacro %}

{# The columns of the sums of `columns` of `rows` over a window of the query, in the parts in which they are kept. #}
{% macro running_sums(columns, rows, window, goes_on) -%}
    {%- for column in columns %}
        {%- set value = rows ~ '.' ~ column %}
        {%- set parts = {'_sum': value} %}
        {%- if is_price_level(column) %}
            {%- set parts = {'_sum': on_grid(value), '_sum_rest': value ~ ' - ' ~ on_grid(value)} %}
        {%- endif %}
        {%- for suffix, part in parts.items() %}
    {{ so_far(column ~ suffix, goes_on) }}coalesce(sum({{ part }}) over {{ window }}, 0) as {{ column ~ suffix }}
            {{- ',' if not loop.last }}
        {%- endfor %}
        {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
