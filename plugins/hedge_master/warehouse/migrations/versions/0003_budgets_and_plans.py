"""One budget of calls for all runs, a ledger that can adopt what a kill left open, and the plan of each run."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Evenly spaced slots: one row an account, locked for the moment of one update, so that any number of runs keep to one
# pace, and a restart too. The day is the API's own, US/Eastern, and counts from midnight there.
BUDGETS = """
create table market.api_budgets (
    account text primary key,
    next_slot timestamptz not null
);
comment on column market.api_budgets.account is 'the address of the API: whoever asks there shares its limits';
comment on column market.api_budgets.next_slot is 'the earliest moment of the next call';

create table market.api_budget_days (
    account text not null,
    day date not null,
    calls integer not null default 0 check (calls >= 0),
    refused_at timestamptz,
    primary key (account, day)
);
comment on column market.api_budget_days.day is 'in US/Eastern, the zone of the API''s day';
comment on column market.api_budget_days.refused_at is 'when the API said that the day is spent, whatever we counted';

create function market.api_day(moment timestamptz) returns date
language sql immutable parallel safe
as $$ select (moment at time zone 'America/New_York')::date $$;

-- The moment of the next call, or null where the day of that moment has no call left (most_a_day 0: no limit).
create function market.reserve_call(
    the_account text, spacing interval, most_a_day integer, moment timestamptz default clock_timestamp()
) returns timestamptz
language plpgsql
as $$
declare
    slot timestamptz;
    counted integer;
begin
    insert into market.api_budgets as budget (account, next_slot) values (the_account, moment + spacing)
    on conflict (account) do update set next_slot = greatest(budget.next_slot, moment) + spacing
    returning next_slot - spacing into slot;
    insert into market.api_budget_days as spent (account, day, calls) values (the_account, market.api_day(slot), 1)
    on conflict (account, day) do update set calls = spent.calls + 1
        where spent.refused_at is null and (most_a_day = 0 or spent.calls < most_a_day)
    returning calls into counted;
    if counted is null then
        -- The slot was not used: the next one who asks may have it.
        update market.api_budgets set next_slot = slot where account = the_account;
        return null;
    end if;
    return slot;
end
$$;
"""

LEDGER = """
alter table market.api_calls
    add column purpose text not null default 'daily'
        check (purpose in ('daily', 'history', 'symbols', 'splits', 'rates', 'earnings')),
    add column attempts integer not null default 1 check (attempts >= 0),
    add column rows integer,
    add column sha256 bytea,
    add column first_bar date,
    add column last_bar date,
    add column market_time timestamptz,
    add column gap_after date,
    add column session text;
alter table market.api_calls alter column purpose drop default;
alter table market.api_calls drop constraint api_calls_outcome_check;
alter table market.api_calls add constraint api_calls_outcome_check
    check (outcome in ('asked', 'published', 'stored', 'nothing_there', 'refused', 'failed', 'lost'));
create index on market.api_calls (requested_at) where outcome = 'asked';
comment on column market.api_calls.attempts is 'how many HTTP calls it took: retries are paid for too';
comment on column market.api_calls.rows is 'bars, listings, splits, rates or reports in the answer';
comment on column market.api_calls.sha256 is 'of the answer''s body';
comment on column market.api_calls.market_time is 'the clock of the far end when it answered';
comment on column market.api_calls.gap_after is
    'the last bar that was known, where the answer begins behind it: what lies between must come from a full answer';
comment on column market.api_calls.session is 'the asker''s session of the database: while it lives, the call may end';
comment on column market.api_calls.outcome is 'lost: whoever asked is gone, and no message of it is in Kafka';
"""

PLANS = """
create table market.ingest_runs (
    run_id text primary key,
    kind text not null check (kind in ('daily', 'history')),
    market_date date not null,
    symbols integer not null,
    calls_needed integer not null,
    calls_left integer,
    calls_per_minute double precision,
    expected_end timestamptz,
    planned_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    note text
);
comment on table market.ingest_runs is 'what each publishing run set out to do, and what it says of its end';
comment on column market.ingest_runs.calls_left is 'of the day''s budget when it was planned; null: no limit';

create table market.planned_calls (
    run_id text not null references market.ingest_runs on delete cascade,
    position integer not null,
    symbol text not null,
    outputsize text not null check (outputsize in ('compact', 'full')),
    reason text not null,
    last_bar date,
    session date,
    awaited boolean not null default false,
    primary key (run_id, position),
    unique (run_id, symbol)
);
comment on column market.planned_calls.position is 'the order of asking: where the day''s calls end, the rest waits';
comment on column market.planned_calls.reason is 'why the symbol is asked';
comment on column market.planned_calls.last_bar is 'the newest bar that was known when the run was planned';
comment on column market.planned_calls.session is 'the newest session that its market had closed; null: no calendar';
comment on column market.planned_calls.awaited is
    'nobody had a bar of that session yet: a run to which none of them comes has read old data';
"""


def upgrade() -> None:
    for statement in (BUDGETS, LEDGER, PLANS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("calls that were adopted or lost have no state in the schema before: restore a backup")
