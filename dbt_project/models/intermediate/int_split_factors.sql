-- one row per symbol with splits and stretch of days between them: what a price is divided by to count in today's
-- share. A copy, taken when int_changed_weeks has noted where it differs from the one before: so no price is adjusted
-- by a split that comes while a build runs, and whose symbol's other weeks would not be made anew.
-- depends_on: {{ ref('int_changed_weeks') }}
select
    symbol_id,
    first_day,
    next_day,
    factor
from {{ ref('int_split_factors_now') }}
