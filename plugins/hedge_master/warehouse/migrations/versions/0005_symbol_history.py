"""What a symbol was before it changed, and a short way to the calls that tell which symbols exist."""

from alembic import op

revision = "0005"
down_revision = "0003"

# Written by the statement that replaces the values.
REVISIONS = """
create table market.symbol_revisions (
    symbol_id integer not null references market.symbols,
    name text not null,
    type text not null,
    region text not null,
    timezone text not null,
    closes time,
    currency text,
    exchange text,
    status text not null,
    listed_on date,
    delisted_on date,
    known_from timestamptz not null,
    known_until timestamptz not null,
    market_date date not null,
    primary key (symbol_id, known_until)
);
comment on table market.symbol_revisions is
    'what a symbol was believed to be before it was renamed, moved, requoted, delisted or relisted';
comment on column market.symbol_revisions.market_date is 'of the run whose answer replaced these values';
comment on column market.symbol_revisions.timezone is
    'the label of that time; a label that changes alone (summer time) makes no revision';
"""

# A run looks for what earlier ones were told; these calls are few among millions of price calls.
SYMBOL_CALLS = """
create index on market.api_calls (function, requested_at) where function in ('LISTING_STATUS', 'SYMBOL_SEARCH');
"""

# Recorded answers of 2020 quote Mexico in the peso's code of before 1993, at today's value.
PESOS = """
insert into market.currencies values ('MXP', 'MXN', 1);
comment on table market.currencies is 'minor units and odd codes in which some exchanges quote; all others are majors';
"""


def upgrade() -> None:
    for statement in (REVISIONS, SYMBOL_CALLS, PESOS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the history of symbols has no place in the schema before: restore a backup instead")
