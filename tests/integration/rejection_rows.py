"""Rows of market.rejections as a rule of yesterday has left them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.topics import Topic

REFUSED_AT = datetime(2020, 6, 16, 21, tzinfo=UTC)


def refuse(warehouse: Connection, topic: Topic, symbol: str, offset: int, **columns: Any) -> None:
    """The whole message at an offset of partition 0, unless `columns` say otherwise."""
    values = {
        "topic": topic.name,
        "symbol": symbol,
        "day": None,
        "reason": "no_series",
        "raw": f"message {offset}",
        "partition": 0,
        "kafka_offset": offset,
        "requested_at": REFUSED_AT,
        "market_time": REFUSED_AT,
        "market_date": date(2020, 6, 16),
        "first_batch_id": 0,
        "last_batch_id": 0,
    } | columns
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(f"insert into market.rejections ({', '.join(values)}) values %s", (tuple(values.values()),))
