{%- set flags = ['unit_errors', 'spikes', 'jumps', 'unchanged', 'gaps'] -%}
-- one row per symbol, day and flag: doubtful prices, which are kept and ranked all the same
with flagged as (
    {% for flag in flags %}
        select
            symbol_id,
            day,
            last_day,
            flag,
            severity,
            likely_cause,
            day_before,
            close_before,
            close,
            returned_on,
            close_after,
            days::integer as days
        from {{ ref('int_flags_' ~ flag) }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

symbols as (
    select * from {{ ref('stg_market__symbols') }}
)

select
    flagged.symbol_id,
    symbols.symbol,
    flagged.day,
    flagged.last_day,
    flagged.flag,
    flagged.severity,
    flagged.likely_cause,
    flagged.close / flagged.close_before as ratio,
    flagged.day_before,
    flagged.close_before,
    flagged.close,
    flagged.returned_on,
    flagged.close_after,
    flagged.days
from flagged
inner join symbols on flagged.symbol_id = symbols.symbol_id
