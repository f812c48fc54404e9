{# The Monday of a date's ISO week; 0001-01-01 is one. A tenth of the time of date_trunc. #}
{% macro week_start(day) -%}
    ({{ day }} - ({{ day }} - date '0001-01-01') % 7)
{%- endmacro %}

{# The Sunday on or before a date: where the last complete ISO week ends. #}
{% macro sunday_on_or_before(day) -%}
    ({{ day }} - (extract(isodow from {{ day }})::integer % 7))
{%- endmacro %}

{# Sum of squared deviations from the mean (m2) of a group's values, of which `count` are not null. Never from sums of
   squares, which lose all digits where the mean is large. For values near 0, as returns are; prices come in parts. #}
{% macro group_m2(value, count) -%}
    coalesce(var_pop({{ value }}) * {{ count }}, 0)
{%- endmacro %}

{# The first 26 of the 53 binary digits of a number, as a number; what is left is exact too: Veltkamp's way, in Dekker,
   Numerische Mathematik 18 (1971) 224, with 2^27 + 1. A price comes as these two parts, so that sums of a few of the
   first are exact, and those of the rest nearly so: means differ by what they differ by, however large they are. #}
{% macro leading_digits(value) -%}
    ({{ value }} * 134217729 - ({{ value }} * 134217729 - {{ value }}))
{%- endmacro %}

{# Sum of squared deviations from the mean of values that come as two parts. Below 0 only by rounding. #}
{% macro group_m2_of_parts(head, rest) -%}
    greatest(
        regr_sxx({{ rest }}, {{ head }}) + 2 * regr_sxy({{ rest }}, {{ head }}) + regr_syy({{ rest }}, {{ head }}), 0
    )
{%- endmacro %}

{# The second group's mean less the first's, from the sums of both parts. #}
{% macro difference_of_means(n1, sum1, rest1, n2, sum2, rest2) -%}
    ((({{ sum2 }} * {{ n1 }} - {{ sum1 }} * {{ n2 }}) + ({{ rest2 }} * {{ n1 }} - {{ rest1 }} * {{ n2 }})) / ({{ n1 }} * {{ n2 }}))
{%- endmacro %}

{# Two groups are merged exactly: Chan, Golub, LeVeque, American Statistician 37 (1983) 242. `difference` is that of their
   means, the second's less the first's. A group that is not there is null, as the mean of one without values, and adds
   nothing. #}
{% macro merged_m2(n1, m2_1, n2, m2_2, difference) -%}
    (
        coalesce({{ m2_1 }}, 0) + coalesce({{ m2_2 }}, 0)
        + coalesce({{ difference }} ^ 2 * {{ n1 }} * {{ n2 }} / ({{ n1 }} + {{ n2 }}), 0)
    )
{%- endmacro %}

{% macro merged_count(n1, n2) -%}
    (coalesce({{ n1 }}, 0) + coalesce({{ n2 }}, 0))
{%- endmacro %}

{# Null where both are. #}
{% macro merged_sum(sum1, sum2) -%}
    coalesce({{ sum1 }} + {{ sum2 }}, {{ sum1 }}, {{ sum2 }})
{%- endmacro %}
