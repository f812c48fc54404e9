"""How far the stream is: unread messages of each topic, and how fresh what was read is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.positions import Positions, read_all_positions
from hedge_master.settings import Settings


@dataclass(frozen=True)
class StreamState:
    """`last_batch_at`: when the newest batch was merged; `newest_answer_at`: when the newest answer that was read was
    asked for; `newest_bar`: its newest day. None before the first. `open_rejections`: rows and messages that were
    refused and are neither resolved nor closed."""

    positions: Sequence[Positions]
    last_batch_at: datetime | None
    newest_answer_at: datetime | None
    newest_bar: date | None
    open_rejections: int


def read_state(settings: Settings, warehouse: Connection) -> StreamState:
    """Raises confluent_kafka.KafkaException where the broker does not answer."""
    positions = read_all_positions(settings, warehouse)
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select (select max(finished_at) from market.ingest_batches), max(requested_at), max(last_day),
                (select count(*) from market.rejections where resolved_at is null and closed_at is null)
            from market.answers"""
        )
        row = cursor.fetchone() or (None, None, None, 0)
    return StreamState(positions, *row)
