{# The horizons of the cone, in trading days. The only list. #}
{% macro cone_horizons() -%}
    {{ return([10, 20, 60, 120, 250]) }}
{%- endmacro %}

{# The rolling values of so many of the symbol's latest trading days make the cone: five years. Bounded, since each build
   looks at all of them, and at the returns they need and no others, found from the end of the key: its cost follows the
   number of symbols, not the length of their histories. #}
{% macro cone_days() -%}
    {{ return(1250) }}
{%- endmacro %}

{# How the last n returns are put together from shorter stretches, shortest first: n -> (the newer stretch, the older
   one, which ends as many days before). Each horizon above 10 is a sum of stretches that are there already, so six merges a
   day make all five, and no value is ever taken out of a sum again. #}
{% macro cone_merges() -%}
    {{ return({20: (10, 10), 40: (20, 20), 60: (20, 40), 120: (60, 60), 240: (120, 120), 250: (10, 240)}) }}
{%- endmacro %}

{# Annualised volatility of n returns from their sum of squared deviations; n is a number here, as c4(n) is then.
   c4(2) = sqrt(2 / pi), c4(n + 1) = sqrt((n - 1) / n) / c4(n), as in macro c4, which ends at 14. #}
{% macro rolling_volatility(n, squared_deviations) -%}
    {%- set c4 = namespace(value=0.7978845608028654) -%}
    {%- for size in range(2, n) -%}
        {%- set c4.value = ((size - 1) / size) ** 0.5 / c4.value -%}
    {%- endfor -%}
    sqrt({{ var('trading_days_a_year') }} * {{ squared_deviations }} / {{ n - 1 }}) / {{ c4.value }}
{%- endmacro %}
