{# The measures that a ranking can be made of: name in the ranking -> column of the windows. The only list in SQL. #}
{% macro measures() -%}
    {{ return({
        'volatility': 'volatility_annualised',
        'volatility_usd': 'volatility_usd_annualised',
        'deviation_pct': 'deviation_pct',
        'price_deviation': 'price_deviation_usd',
    }) }}
{%- endmacro %}

{# Bias of the sample standard deviation of n normal values, c4(n): c4(2) = sqrt(2 / pi), c4(n + 1) = sqrt((n - 1) / n) / c4(n).
   Source: Duncan, Quality Control and Industrial Statistics; the recurrence follows from c4's gamma functions.
   A window of 14 days has at most 14 values. #}
{% macro c4(n) -%}
    {%- set state = namespace(value=0.7978845608028654) -%}
    case {{ n }}
    {%- for size in range(2, 15) %}
        when {{ size }} then {{ state.value }}
        {%- set state.value = ((size - 1) / size) ** 0.5 / state.value -%}
    {%- endfor %}
    end
{%- endmacro %}

{# Annualised volatility from the count, and the sum of squared deviations from the mean, of log returns. #}
{% macro annualised_volatility(count, squared_deviations) -%}
    case
        when {{ count }} >= {{ var('least_returns') }}
            then
                sqrt({{ var('trading_days_a_year') }} * {{ squared_deviations }} / ({{ count }} - 1))
                / {{ c4(count) }}
    end
{%- endmacro %}

{# Merging two groups (count, mean, sum of squared deviations) exactly: Chan, Golub, LeVeque (1983). Never from sums of
   squares, which lose all digits where the mean is large. #}
{% macro merged_mean(n1, mean1, n2, mean2) -%}
    (({{ n1 }} * coalesce({{ mean1 }}, 0) + {{ n2 }} * coalesce({{ mean2 }}, 0)) / nullif({{ n1 }} + {{ n2 }}, 0))
{%- endmacro %}

{% macro merged_squared_deviations(n1, mean1, m2_1, n2, mean2, m2_2) -%}
    (
        {{ m2_1 }} + {{ m2_2 }}
        + case
            when {{ n1 }} > 0 and {{ n2 }} > 0
                then ({{ mean2 }} - {{ mean1 }}) ^ 2 * {{ n1 }} * {{ n2 }} / ({{ n1 }} + {{ n2 }})
            else 0
        end
    )
{%- endmacro %}
