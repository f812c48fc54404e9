"""Alerts that went out, and the indexes of the operator's page."""

from alembic import op

revision = "0007"
down_revision = "0006"

ALERTS = """
create table market.alerts_sent (
    cause text not null,
    channel text not null,
    sent_at timestamptz not null default clock_timestamp(),
    primary key (cause, channel)
);
comment on table market.alerts_sent is 'one message a cause: a retry or a second failing task finds it here';
"""

# Small ones: gaps, refusals and rejected rows are few among the calls and rows of years.
INDEXES = """
create index on market.api_calls (symbol) where gap_after is not null;
create index on market.api_calls (requested_at) where outcome in ('refused', 'failed');
create index on market.rejected_rows (batch_id);
create index on market.ingest_runs (planned_at);
"""


def upgrade() -> None:
    for statement in (ALERTS, INDEXES):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("each alert would be sent again: restore a backup instead")
