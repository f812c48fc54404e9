{# Every row obeys the rule; one that is neither true nor false breaks it. #}
{% test holds(model, rule) %}
select *
from {{ model }}
where ({{ rule }}) is not true
{% endtest %}
