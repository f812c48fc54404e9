"""What is said of a message, and of a refused row, is one column of staging each: nearly all rows have neither."""

from alembic import op

revision = "0014"
down_revision = "0013"

SUFFIXES = ("daily_prices", "price_history", "redrive")
# A message is described once, by its first row: 1.0 MB of text has 5,000 rows, and so many copies of its symbol and
# times cost more than the prices. `head` is null in its other rows. A message whose payload was recognised has one row
# alone, whose head has `known_rows`.
STAGING = """
drop table market.staging_{suffix};
create unlogged table market.staging_{suffix} (
    partition integer not null,
    kafka_offset bigint not null,
    head json,
    day date,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume bigint,
    refused json
) with (autovacuum_enabled = false);
comment on column market.staging_{suffix}.head is
    'in the first row of a message: bytes, payload_hash (hex), known_rows, symbol, requested_at, market_date,
    market_time (the clock of the far end when it answered)';
comment on column market.staging_{suffix}.refused is
    'null where the bar is possible, else reason, day (as delivered) and raw (its JSON)';
"""
BEFORE = """
drop table market.staging_{suffix};
create unlogged table market.staging_{suffix} (
    partition integer not null,
    kafka_offset bigint not null,
    bytes integer,
    payload_hash bytea,
    known_rows integer,
    symbol text,
    requested_at timestamptz,
    market_time timestamptz,
    market_date date,
    day date,
    open double precision,
    high double precision,
    low double precision,
    close double precision,
    volume bigint,
    reason text,
    day_text text,
    raw text
) with (autovacuum_enabled = false);
comment on column market.staging_{suffix}.market_time is 'the clock of the far end when it answered';
"""


def upgrade() -> None:
    for suffix in SUFFIXES:
        op.execute(STAGING.format(suffix=suffix))


def downgrade() -> None:
    for suffix in SUFFIXES:
        op.execute(BEFORE.format(suffix=suffix))
