"""What an answer speaks for of which rows were refused; generations of a topic; rejections that are closed by hand."""

from alembic import op

revision = "0011"
down_revision = "0010"

# Few among all answers: those without a refused row speak for their first to their last day.
PARTIAL_ANSWERS = """
create table market.partial_answers (
    topic text not null,
    partition integer not null,
    kafka_offset bigint not null,
    requested_at timestamptz not null,
    first_day date,
    last_day date,
    refused_days text[] not null,
    primary key (topic, partition, kafka_offset, requested_at),
    check ((first_day is null) = (last_day is null))
);
comment on table market.partial_answers is
    'merged answers of which rows were refused: they do not speak for those days';
comment on column market.partial_answers.first_day is 'of its possible bars; null where it had none';
comment on column market.partial_answers.refused_days is 'as delivered';

-- So far an answer that was refused whole was known by its rejections.
insert into market.partial_answers (topic, partition, kafka_offset, requested_at, refused_days)
select topic, partition, kafka_offset, requested_at, coalesce(array_agg(day) filter (where day is not null), '{}')
from market.rejections
where requested_at is not null and resolved_at is null
group by topic, partition, kafka_offset, requested_at
having bool_or(day is null or reason = 'unknown_symbol');
"""

# A topic that was created anew counts its offsets from 0 again: older calls are not about its messages.
GENERATIONS = """
alter table market.ingest_offsets add column topic_since timestamptz;
comment on column market.ingest_offsets.topic_since is
    'when this topic began, where an earlier one of its name was let go of';
"""

# `raw_digest` tells two rejections of one reason apart; of a message that was refused whole `raw` is its beginning.
CLOSED_BY_HAND = """
alter table market.rejections
    add column closed_at timestamptz,
    add column closed_because text,
    add check ((closed_at is null) = (closed_because is null)),
    add column payload_hash bytea,
    drop column raw_digest,
    add column raw_digest uuid generated always as
        (md5(coalesce(raw, '') || coalesce(encode(payload_hash, 'hex'), ''))::uuid) stored;
comment on column market.rejections.closed_at is 'when an operator said that nothing more is expected of it';
comment on column market.rejections.payload_hash is 'SHA-256 of a message that was refused whole; null for a row';
create unique index rejections_once on market.rejections (topic, symbol, day, reason, raw_digest) nulls not distinct;
"""

# Who writes marks holds the lock of the merges until its commit.
MARKS = """
comment on column market.changed_spans.change_id is
    'rises with every mark, in the order of the commits: a reader that keeps the last one it has seen misses none';
"""


def upgrade() -> None:
    for statement in (PARTIAL_ANSWERS, GENERATIONS, CLOSED_BY_HAND, MARKS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("rejections that were closed or told apart would be others: restore a backup instead")
