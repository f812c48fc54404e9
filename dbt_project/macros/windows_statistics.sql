{# The Monday of a date's ISO week; 0001-01-01 is one. A tenth of the time of date_trunc. #}
{% macro week_start(day) -%}
    ({{ day }} - ({{ day }} - date '0001-01-01') % 7)
{%- endmacro %}

{# Sum of squared deviations from the mean (m2) of a group's values, of which `count` are not null. Never from sums of
   squares, which lose all digits where the mean is large; for the same reason a price comes as its difference from an
   anchor near it, such as the week's lowest. #}
{% macro group_m2(value, count) -%}
    coalesce(var_pop({{ value }}) * {{ count }}, 0)
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

{# Means of differences from anchors: the anchors are as near to each other as the values. #}
{% macro anchored_difference(anchor1, mean1, anchor2, mean2) -%}
    (({{ anchor2 }} - {{ anchor1 }}) + ({{ mean2 }} - {{ mean1 }}))
{%- endmacro %}

{# The mean of both as a difference from the first group's anchor, or from the second's where the first has no value. #}
{% macro merged_mean(n1, mean1, n2, mean2, difference) -%}
    coalesce({{ mean1 }} + coalesce({{ difference }} * {{ n2 }} / ({{ n1 }} + {{ n2 }}), 0), {{ mean2 }})
{%- endmacro %}

{% macro merged_count(n1, n2) -%}
    (coalesce({{ n1 }}, 0) + coalesce({{ n2 }}, 0))
{%- endmacro %}

{# Null where both are. #}
{% macro merged_sum(sum1, sum2) -%}
    coalesce({{ sum1 }} + {{ sum2 }}, {{ sum1 }}, {{ sum2 }})
{%- endmacro %}
