{# How a model follows the changes (docs/decisions/0016): it is incremental by the strategy follow_changes, and what it has
   seen stands in the comment on its own table, written in the transaction that writes the rows:
   {"log": the oid of int_changed_weeks, "build": its last build that is in the rows, "market_date": ...}.
   So it goes where the table goes, through publish_marts' renaming as well, and dies with it. One build at a time. #}
{% macro changes_seen(relation) -%}
    {%- if not execute -%}
        {{ return({'build': 0, 'span': 0, 'market_date': '2000-01-01'}) }}
    {%- endif -%}
    {%- set comment = run_query("select obj_description(to_regclass('" ~ relation ~ "'), 'pg_class')").rows[0][0] -%}
    {{ return(fromjson(comment) if comment and comment.startswith('{') else none) }}
{%- endmacro %}

{# Whether a table can be brought up to date by the changes since: not where the log is another one than it has followed,
   nor where the market date has gone back; the log itself not where the formulas are others. #}
{% macro can_follow_changes(relation) -%}
    {%- set seen = changes_seen(relation) -%}
    {%- if not seen -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set now = run_query(
        "select to_regclass('intermediate.int_changed_weeks')::oid::text, market_date::text, "
        ~ "to_regclass('intermediate.int_sessions') is not null "
        ~ "and to_regclass('intermediate.int_split_factors') is not null from staging.stg_market__market_date"
    ).rows[0] -%}
    {%- set of_same_formulas = relation.identifier != 'int_changed_weeks' or seen.formulas == formulas() -%}
    {{ return(seen.log == now[0] and seen.market_date <= now[1] and now[2] and of_same_formulas) }}
{%- endmacro %}

{# dbt's own question, asked by is_incremental() and by the materialization alike. #}
{% macro should_full_refresh() -%}
    {%- if config.get('full_refresh') is not none -%}
        {{ return(config.get('full_refresh')) }}
    {%- endif -%}
    {{ return(
        flags.FULL_REFRESH
        or (execute and config.get('incremental_strategy') == 'follow_changes' and not can_follow_changes(this))
    ) }}
{%- endmacro %}

{# The incremental strategy: what changed goes, also what is no more, and what the model selected comes. Key by key: the
   planner takes the slices for more than they are, and would read the whole table. #}
{% macro get_incremental_follow_changes_sql(arg_dict) -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    set local enable_hashjoin = off;
    set local enable_mergejoin = off;
    set local enable_seqscan = off;
    {{ delete_changed_rows(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key']) }};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{%- endmacro %}

{# By slices where the key is a symbol and a day, week or window; else the keys that come anew. #}
{% macro delete_changed_rows(target, temporary, key) -%}
    {%- set grain = key[1] -%}
    delete from {{ target }} as stored
    {%- if key[0] == 'symbol_id' %}
    using ({{ changed_slices(target, grain) }}) as changed
    where stored.symbol_id = changed.symbol_id and stored.{{ grain }} between changed.first_day and changed.last_day
    {%- else %}
    using {{ temporary }} as coming
    where {% for column in key %}stored.{{ column }} = coming.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    {%- endif %}
{%- endmacro %}

{# A query: symbol_id, first_day, last_day. What of a table that follows the changes has to be made anew, by the days in `grain`:
   'week_start': the changed weeks; 'day': the days of them; 'window_start': the windows that hold them or have become
   complete or begun since;
   'window_end': the cumulative rows from the first of those that are complete, one by one, as their index has them.
   Slices may overlap. #}
{% macro changed_slices(relation, grain) -%}
    {%- set seen = changes_seen(relation) -%}
    {%- set seen_date = "date '" ~ seen.market_date ~ "'" -%}
    {%- set market_date = '(select dates.market_date from staging.stg_market__market_date as dates)' -%}
    {%- if grain in ('week_start', 'day') -%}
        select
            changes.symbol_id,
            changes.from_week as first_day,
            changes.to_week{{ ' + 6' if grain == 'day' }} as last_day
        from intermediate.int_changed_weeks as changes
        where changes.build > {{ seen.build }} and changes.symbol_id is not null
    {%- elif grain == 'window_start' -%}
        select
            changes.symbol_id,
            changes.from_week - 7 as first_day,
            changes.to_week as last_day
        from intermediate.int_changed_weeks as changes
        where changes.build > {{ seen.build }} and changes.symbol_id is not null
        union all
        select
            symbols.symbol_id,
            monday.day::date as first_day,
            monday.day::date as last_day
        from staging.stg_market__symbols as symbols
        cross join generate_series(
            {{ week_start(seen_date ~ ' - 13') }}::timestamp, {{ market_date }}::timestamp, interval '7 days'
        ) as monday (day)
        where
            (monday.day::date > {{ seen_date }} - 13 and monday.day::date <= {{ market_date }} - 13)
            or monday.day::date > {{ seen_date }}
    {%- else -%}
        select
            earliest.symbol_id,
            sunday.day::date as first_day,
            sunday.day::date as last_day
        from ({{ earliest_changed_ends(relation) }}) as earliest
        cross join lateral generate_series(
            earliest.window_end::timestamp, {{ sunday_on_or_before(seen_date) }}::timestamp, interval '7 days'
        ) as sunday (day)
    {%- endif -%}
{%- endmacro %}

{# A query: symbol_id and the slices of that grain as ranges of days that do not overlap, under the names given: name -> how
   many days behind its first day the last step of a slice ends. #}
{% macro changed_ranges(relation, grain, names) -%}
        select
            slices.symbol_id,
            {%- for name, days in names.items() %}
            range_agg(daterange(slices.first_day, slices.last_day + {{ days }})) as {{ name }}{{ "," if not loop.last }}
            {%- endfor %}
        from ({{ changed_slices(relation, grain) }}) as slices
        group by slices.symbol_id
{%- endmacro %}

{# A query: symbol_id, window_end. From which complete window on a symbol's cumulative rows have to be made anew: the
   first that holds a changed week, or the first that has become complete since. #}
{% macro earliest_changed_ends(relation) -%}
    {%- set seen = changes_seen(relation) -%}
    {%- set seen_date = "date '" ~ seen.market_date ~ "'" -%}
    {%- set last_end -%}
        (select {{ sunday_on_or_before('dates.market_date') }} from staging.stg_market__market_date as dates)
    {%- endset -%}
        select
            ends.symbol_id,
            min(ends.window_end) as window_end
        from (
            select
                changes.symbol_id,
                changes.from_week + 6 as window_end
            from intermediate.int_changed_weeks as changes
            where changes.build > {{ seen.build }} and changes.symbol_id is not null
            union all
            select
                symbols.symbol_id,
                {{ sunday_on_or_before(seen_date) }} + 7 as window_end
            from staging.stg_market__symbols as symbols
        ) as ends
        where ends.window_end <= {{ last_end }}
        group by ends.symbol_id
{%- endmacro %}

{# After the rows, in their transaction. #}
{% macro remember_changes(relation) -%}
do $remember$
begin
    execute format(
        'comment on table {{ relation }} is %L',
        (
            select
                jsonb_build_object(
                    'log', changes.seen ->> 'log', 'build', (changes.seen ->> 'build')::bigint,
                    'market_date', dates.market_date::text
                )
            from staging.stg_market__market_date as dates
            cross join (
                select obj_description(to_regclass('{{ ref("int_changed_weeks") }}'), 'pg_class')::jsonb as seen
            ) as changes
        )
    );
end
$remember$
{%- endmacro %}

{# A table that is made whole writes new pages alone, and to compress their images in the WAL would cost 6% of the models' time
   for 4% of their WAL. Where the role may (the local server lets it; runbook.md for another one), its transaction leaves
   them as they are. An increment changes a few rows of a page: there it pays (decision 0014). #}
{% macro leave_new_pages_uncompressed() -%}
{%- if not is_incremental() -%}
select set_config('wal_compression', 'off', true)
where has_parameter_privilege('wal_compression', 'set')
{%- endif -%}
{%- endmacro %}

{# A table that was just made has no statistics, and the models behind it do not wait for autovacuum, which looks at the
   other columns in its time. #}
{% macro analyze_when_new(relation, key) -%}
do $analyze$
begin
    if (select reltuples < 0 from pg_class where oid = to_regclass('{{ relation }}')) then
        analyze {{ relation }} ({{ key | join(", ") }});
    end if;
end
$analyze$
{%- endmacro %}

{# The log's own memory: `span` is the last mark of the stream that it holds, as its rows say. A log that begins holds
   none, and what it has not read is read by those who are made whole after it. #}
{% macro remember_spans(relation) -%}
do $remember$
declare
    seen jsonb := obj_description(to_regclass('{{ relation }}'), 'pg_class');
    this_build bigint := coalesce((seen ->> 'build')::bigint, 0) + 1;
begin
    execute format(
        'comment on table {{ relation }} is %L',
        (
            select
                jsonb_build_object(
                    'log', to_regclass('{{ relation }}')::oid::text,
                    'build', this_build,
                    'formulas', '{{ formulas() }}',
                    'span', coalesce(
                        (select max(changes.span) from {{ relation }} as changes where changes.build = this_build),
                        (seen ->> 'span')::bigint,
                        (select max(spans.change_id) from market.changed_spans as spans),
                        0
                    ),
                    'market_date', dates.market_date::text
                )
            from staging.stg_market__market_date as dates
        )
    );
end
$remember$
{%- endmacro %}

{# What every table has seen is let go: of the log, and of the stream's marks. A table that has none to follow will be made
   whole. #}
{% macro forget_changes_seen() -%}
        delete from intermediate.int_changed_weeks as changes
        where changes.build <= (
            select min((obj_description(tables.oid, 'pg_class')::jsonb ->> 'build')::bigint)
            from pg_class as tables
            where tables.oid in (
                {% for name in [
                    'intermediate.int_sessions', 'intermediate.int_weeks', 'intermediate.int_stored_returns',
                    'marts.fct_windows', 'marts.fct_cumulative',
                    'marts_candidate.fct_windows', 'marts_candidate.fct_cumulative'
                ] -%}
                to_regclass('{{ name }}'){{ ', ' if not loop.last }}
                {%- endfor %}
            )
            and starts_with(obj_description(tables.oid, 'pg_class'), '{')
        );
        delete from market.changed_spans as spans
        where spans.change_id <= (
            select (obj_description(to_regclass('intermediate.int_changed_weeks'), 'pg_class')::jsonb ->> 'span')::bigint
        );
{%- endmacro %}
