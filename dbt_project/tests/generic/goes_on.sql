{# In the order of `by`, each row begins where the one before of its `key` ends, the first one `at_first`. Not so a
   number that is missing or taken twice, a stretch that overlaps the one before or leaves a day between. #}
{% test goes_on(model, key, by, begins, ends, at_first) %}
select *
from (
    select
        {{ key }},
        {{ begins }} as begins,
        lag({{ ends }}, 1, {{ at_first }}) over (partition by {{ key }} order by {{ by | join(', ') }}) as due
    from {{ model }}
) as compared
where begins is distinct from due
{% endtest %}
