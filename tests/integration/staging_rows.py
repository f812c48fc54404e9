"""Rows in a staging table as the stream copies them, without a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from hedge_master.ingestion.topics import Topic


@dataclass(frozen=True)
class StagedBar:
    """A bar whose four prices are its close; `reason` where the stream refused it."""

    symbol: str
    day: date
    close: float
    reason: str | None = None


def stage(
    cursor: Cursor,
    topic: Topic,
    bars: Sequence[StagedBar],
    offset: int,
    requested_at: datetime,
    market_time: datetime | None = None,
    payload_hash: bytes | None = None,
) -> int:
    """One message a symbol, in the order of the bars, from `offset` on in partition 0; returns how many rows."""
    rows = []
    for number, symbol in enumerate(dict.fromkeys(bar.symbol for bar in bars)):
        head = (100, payload_hash, None, symbol, requested_at, market_time, (market_time or requested_at).date())
        for bar in bars:
            if bar.symbol == symbol:
                day_text = str(bar.day) if bar.reason else None
                prices = (bar.close,) * 4
                rows.append((0, offset + number, *head, bar.day, *prices, 7, bar.reason, day_text))
                head = (None,) * len(head)  # type: ignore[assignment]
    execute_values(
        cursor,
        f"""insert into {topic.staging} (partition, kafka_offset, bytes, payload_hash, known_rows, symbol, requested_at,
            market_time, market_date, day, open, high, low, close, volume, reason, day_text) values %s""",
        rows,
    )
    return len(rows)


def stage_known(
    cursor: Cursor, topic: Topic, symbol: str, offset: int, requested_at: datetime, payload_hash: bytes, rows: int
) -> int:
    """A message whose payload was recognised: one row, which says how many it stands for."""
    cursor.execute(
        f"""insert into {topic.staging}
            (partition, kafka_offset, bytes, payload_hash, known_rows, symbol, requested_at, market_date)
        values (0, %s, 100, %s, %s, %s, %s, %s)""",
        (offset, payload_hash, rows, symbol, requested_at, requested_at.date()),
    )
    return 1
