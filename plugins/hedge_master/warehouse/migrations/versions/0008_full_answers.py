"""The index that tells what the API last said of a full history."""

from alembic import op

revision = "0008"
down_revision = "0007"

# Each daily plan asks for the newest such call of a function: few among those of years.
FULL_ANSWERS = (
    "create index api_calls_full_answers on market.api_calls (function, requested_at desc) where outputsize = 'full'"
)


def upgrade() -> None:
    op.execute(FULL_ANSWERS)


def downgrade() -> None:
    op.execute("drop index market.api_calls_full_answers")
