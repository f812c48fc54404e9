"""A plan says which symbols are asked for splits too: chunks that chose anew could pass the limit of their run."""

from alembic import op

revision = "0013"
down_revision = "0012"

PLANNED_SPLITS = """
alter table market.planned_calls add column asks_splits boolean not null default false;
comment on column market.planned_calls.asks_splits is 'SPLITS is asked before the prices: a second call for the symbol';
"""


def upgrade() -> None:
    op.execute(PLANNED_SPLITS)


def downgrade() -> None:
    op.execute("alter table market.planned_calls drop column asks_splits")
