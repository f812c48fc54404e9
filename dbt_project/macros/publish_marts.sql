{# Puts the schema that was built and tested in the place of the published one, in one transaction: readers see the old
   ranking or the new one, never a half. The old one becomes the place of the next build. Only what stands in `marts` can
   be read by the reader's role. Safe to run again: a build is published once, then there is nothing left to do. #}
{% macro publish_marts() %}
    {%- set reader = adapter.quote(env_var('DBT_READER')) -%}
    {% call statement('publish', auto_begin=true) %}
        do $publish$
        declare
            is_finished boolean := false;
        begin
            if to_regclass('marts_candidate.as_of') is not null then
                select exists (select from marts_candidate.as_of) into is_finished;
            end if;
            if not is_finished then
                if to_regclass('marts.as_of') is null then
                    raise exception 'no finished build: run dbt build before publish_marts';
                end if;
                return;
            end if;
            alter schema marts rename to marts_before;
            alter schema marts_candidate rename to marts;
            alter schema marts_before rename to marts_candidate;
            if to_regclass('marts_candidate.as_of') is not null then
                truncate marts_candidate.as_of;
            end if;
            {{ forget_changes_seen() }}
            revoke all on schema marts_candidate from {{ reader }};
            grant usage on schema marts to {{ reader }};
            grant select on all tables in schema marts to {{ reader }};
            grant execute on all functions in schema marts to {{ reader }};
        end
        $publish$;
    {% endcall %}
    {% do adapter.commit() %}
{% endmacro %}

{% macro forget_finished_build(schema) -%}
do $forget$
begin
    if to_regclass('{{ schema }}.as_of') is not null then
        truncate {{ schema }}.as_of;
    end if;
end
$forget$
{%- endmacro %}
