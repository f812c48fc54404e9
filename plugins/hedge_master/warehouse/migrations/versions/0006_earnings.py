"""When companies report: what they have reported, what is expected, and what was believed before a date moved."""

from alembic import op

revision = "0006"
down_revision = "0005"

EARNINGS = """
create table market.earnings (
    symbol_id integer not null references market.symbols,
    fiscal_end date not null,
    report_date date not null,
    report_time text check (report_time in ('pre-market', 'post-market')),
    reported_eps double precision,
    estimated_eps double precision,
    currency text,
    source text not null check (source in ('EARNINGS', 'EARNINGS_CALENDAR')),
    known_since timestamptz not null,
    primary key (symbol_id, fiscal_end),
    check (source = 'EARNINGS' or reported_eps is null)
);
comment on table market.earnings is 'one row a company and fiscal quarter: its report, or the one that is expected';
comment on column market.earnings.report_date is 'when it was, by EARNINGS, or is expected to be, by EARNINGS_CALENDAR';
comment on column market.earnings.report_time is 'before the session or after it; null: not told';
comment on column market.earnings.reported_eps is 'per share as of then, in the currency in which the company reports';
comment on column market.earnings.currency is 'of both figures; null: not told (EARNINGS names none)';
comment on column market.earnings.known_since is 'request time of the answer that brought these values';

create table market.earnings_revisions (
    symbol_id integer not null references market.symbols,
    fiscal_end date not null,
    report_date date not null,
    report_time text,
    reported_eps double precision,
    estimated_eps double precision,
    currency text,
    source text not null,
    known_since timestamptz not null,
    known_until timestamptz not null,
    reason text not null check (reason in ('moved', 'restated', 'withdrawn')),
    primary key (symbol_id, fiscal_end, known_until)
);
comment on table market.earnings_revisions is
    'what a report was believed to be before its date or time moved, its figure was another one, or it was withdrawn; '
    'a new estimate alone is none';
"""


def upgrade() -> None:
    op.execute(EARNINGS)


def downgrade() -> None:
    op.execute("drop table market.earnings_revisions, market.earnings")
