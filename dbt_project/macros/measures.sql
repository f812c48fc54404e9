{# The measures that a ranking can be made of: name in the ranking -> column of the windows. The only list in SQL. #}
{% macro measures() -%}
    {{ return({
        'volatility': 'volatility_annualised',
        'volatility_usd': 'volatility_usd_annualised',
        'deviation_pct': 'deviation_pct',
        'price_deviation': 'price_deviation_usd',
        'deviation_pct_local': 'deviation_pct_local',
        'price_deviation_local': 'price_deviation',
        'parkinson': 'parkinson_annualised',
        'garman_klass': 'garman_klass_annualised',
        'rogers_satchell': 'rogers_satchell_annualised',
        'yang_zhang': 'yang_zhang_annualised',
        'greatest_absolute_move': 'greatest_absolute_move',
    }) }}
{%- endmacro %}

{# Bias of the sample standard deviation of n normal values, c4(n): c4(2) = sqrt(2 / pi), c4(n + 1) = sqrt((n - 1) / n) / c4(n).
   Source: Duncan, Quality Control and Industrial Statistics; the recurrence follows from c4's gamma functions.
   A window of 14 days has at most 14 values. #}
{% macro c4(n) -%}
    {%- set state = namespace(value=0.7978845608028654) -%}
    case {{ n }}
    {%- for size in range(2, 15) %}
        when {{ size }} then {{ state.value }}::double precision
        {%- set state.value = ((size - 1) / size) ** 0.5 / state.value -%}
    {%- endfor %}
    end
{%- endmacro %}

{# Annualised volatility from the count, and the sum of squared deviations from the mean, of log returns; null under
   least_returns. #}
{% macro annualised_volatility(count, squared_deviations) -%}
    case
        when {{ count }} >= {{ var('least_returns') }}
            then
                sqrt({{ var('trading_days_a_year') }} * {{ squared_deviations }} / ({{ count }} - 1))
                / {{ c4(count) }}
    end
{%- endmacro %}

{# Annualised volatility from the count of bars that an estimator uses and its variance a day; null under least_returns
   bars. #}
{% macro annualised_range(bars, daily_variance) -%}
    case
        when {{ bars }} >= {{ var('least_returns') }}
            then sqrt({{ var('trading_days_a_year') }} * {{ daily_variance }})
    end
{%- endmacro %}

{# Variances a day from sums over bars with log high-low range hl, open-to-close return oc and the term
   rs = ln(H/C) ln(H/O) + ln(L/C) ln(L/O). Consistent bars have |hl| >= |oc| and rs >= 0, so that none is negative, by more
   than half of hl^2 - 0.39 oc^2 in Garman-Klass: no rounding reaches the square root.
   Sources: Parkinson, Journal of Business 53 (1980) 61; Garman and Klass, same volume, 67, the practical estimator. #}
{% macro parkinson_variance(bars, high_low_squares) -%}
    {{ high_low_squares }} / (4 * ln(2) * {{ bars }})
{%- endmacro %}

{% macro garman_klass_variance(bars, high_low_squares, open_to_close_squares) -%}
    (0.5 * {{ high_low_squares }} - (2 * ln(2) - 1) * {{ open_to_close_squares }}) / {{ bars }}
{%- endmacro %}

{# var(overnight) + k var(open to close) + (1 - k) mean of rs, k = 0.34 / (1.34 + (n + 1) / (n - 1)), all over the same n
   bars. Source: Yang and Zhang, Journal of Business 73 (2000) 477. #}
{% macro yang_zhang_variance(bars, overnight_m2, open_to_close_m2, rogers_satchell_sum) -%}
    {%- set k -%}
        0.34 / (1.34 + ({{ bars }} + 1)::double precision / ({{ bars }} - 1))
    {%- endset -%}
    (
        ({{ overnight_m2 }} + {{ k }} * {{ open_to_close_m2 }}) / ({{ bars }} - 1)
        + (1 - {{ k }}) * {{ rogers_satchell_sum }} / {{ bars }}
    )
{%- endmacro %}
