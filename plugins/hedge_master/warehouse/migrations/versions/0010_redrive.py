"""Re-drive: a staging table of its own, and what is known of a refused message that Kafka has deleted."""

from alembic import op

revision = "0010"
down_revision = "0009"

STAGING = """
create unlogged table market.staging_redrive (like market.staging_daily_prices including comments)
with (autovacuum_enabled = false);
"""

GONE = """
alter table market.rejections
    add column gone_at timestamptz,
    add column gone_run_id text,
    add check ((gone_at is null) = (gone_run_id is null));
comment on column market.rejections.gone_at is
    'when a re-drive found that Kafka does not hold the message any more, without which it cannot be judged again';
comment on column market.rejections.partition is
    'with kafka_offset: the newest message, by its request time, that had it';
comment on column market.rejections.gone_run_id is 'the re-drive that found it';
create index rejections_last on market.rejections (last_batch_id) where resolved_at is null;
create index rejections_place on market.rejections (topic, partition, kafka_offset);
"""


def upgrade() -> None:
    op.execute(STAGING)
    op.execute(GONE)


def downgrade() -> None:
    op.execute("drop table market.staging_redrive")
    op.execute("drop index market.rejections_last")
    op.execute("drop index market.rejections_place")
    op.execute("alter table market.rejections drop column gone_at, drop column gone_run_id")
