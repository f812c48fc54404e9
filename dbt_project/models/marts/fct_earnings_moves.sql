{%- set usual_days = 60 -%}
{%- set least_usual_days = 30 -%}
-- one row per report that was given: how much the symbol moved on it, and against its usual day
with reports as (
    select * from {{ ref('int_earnings_reactions') }}
),

-- A return over a long gap is no day's move: it has no number.
returns as (
    select
        symbol_id,
        day,
        abs(log_return) as absolute_move,
        row_number() over (partition by symbol_id order by day) as return_number
    from {{ ref('int_returns') }}
    where log_return is not null and symbol_id in (select reports.symbol_id from reports)
),

reactions as (
    select
        reports.*,
        returns.absolute_move,
        returns.return_number
    from reports
    left join returns on reports.symbol_id = returns.symbol_id and reports.reaction_day = returns.day
),

-- Joined by number, day for day: by a range, each report would look at all days of its symbol.
usual as (
    select
        reactions.symbol_id,
        reactions.fiscal_end,
        count(*)::integer as days,
        percentile_cont(0.5) within group (order by earlier.absolute_move) as usual_move
    from reactions
    cross join generate_series(1, {{ usual_days }}) as back (days)
    inner join returns as earlier
        on reactions.symbol_id = earlier.symbol_id and reactions.return_number - back.days = earlier.return_number
    group by reactions.symbol_id, reactions.fiscal_end
),

compared as (
    select
        reactions.*,
        coalesce(usual.days, 0) as usual_days,
        case when usual.days >= {{ least_usual_days }} then usual.usual_move end as usual_move
    from reactions
    left join usual on reactions.symbol_id = usual.symbol_id and reactions.fiscal_end = usual.fiscal_end
)

select
    symbol_id,
    fiscal_end,
    report_date,
    report_time,
    report_time is null as is_time_assumed,
    reported_eps,
    estimated_eps,
    currency,
    reaction_day,
    absolute_move,
    usual_move,
    usual_days,
    absolute_move / nullif(usual_move, 0) as move_to_usual,
    case
        when reaction_day is null then 'no bar since the report'
        when absolute_move is null then 'no close shortly before the report'
        when usual_move is null then 'only ' || usual_days || ' of {{ usual_days }} days before it'
        when usual_move = 0 then 'did not move on its usual day'
    end as not_compared_because
from compared
