{# A hash of what the windows are made with: the models up to fct_cumulative and int_stored_returns, the macros that hold
   their formulas, and the values of the variables in both. int_changed_weeks keeps it: where another one stands, the log
   begins anew, and everything that follows it is made whole. So a release that changes a formula, or a column, changes the
   stored rows too. (A model's depends_on.macros would name the macros, but dbt adds to it while it runs.) #}
{% macro formulas() -%}
    {%- if not execute -%}
        {{ return('') }}
    {%- endif -%}
    {%- set models = ['model.hedge_master.fct_cumulative', 'model.hedge_master.int_stored_returns'] -%}
    {%- for model in models -%}
        {%- for parent in graph.nodes[model].depends_on.nodes if parent in graph.nodes and parent not in models -%}
            {%- do models.append(parent) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set texts = [] -%}
    {%- for model in models -%}
        {%- do texts.append(graph.nodes[model].raw_code) -%}
    {%- endfor -%}
    {%- for each in context['hedge_master'].values() if each.macro.original_file_path in formula_files() -%}
        {%- do texts.append(each.macro.macro_sql) -%}
    {%- endfor -%}
    {%- for name in modules.re.findall("var\\('(\\w+)'\\)", texts | join) | unique | list -%}
        {%- do texts.append(name ~ '=' ~ var(name)) -%}
    {%- endfor -%}
    {{ return(local_md5(texts | sort | join('\n'))) }}
{%- endmacro %}

{% macro formula_files() -%}
    {{ return([
        'macros/cumulative_sums.sql',
        'macros/daily_returns.sql',
        'macros/measures.sql',
        'macros/windows_statistics.sql',
    ]) }}
{%- endmacro %}
