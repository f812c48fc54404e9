"""Rows in a staging table as the stream copies them, without a stream."""

from __future__ import annotations

import json
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
    told = {
        "bytes": 100,
        "payload_hash": payload_hash and payload_hash.hex(),
        "requested_at": requested_at.isoformat(),
        "market_time": market_time and market_time.isoformat(),
        "market_date": (market_time or requested_at).date().isoformat(),
    }
    rows = []
    for number, symbol in enumerate(dict.fromkeys(bar.symbol for bar in bars)):
        head: str | None = json.dumps(told | {"symbol": symbol})
        for bar in bars:
            if bar.symbol == symbol:
                refused = json.dumps({"reason": bar.reason, "day": str(bar.day)}) if bar.reason else None
                rows.append((0, offset + number, head, bar.day, *(bar.close,) * 4, 7, refused))
                head = None
    execute_values(
        cursor,
        f"""insert into {topic.staging} (partition, kafka_offset, head, day, open, high, low, close, volume, refused)
            values %s""",
        rows,
    )
    return len(rows)


def stage_known(
    cursor: Cursor, topic: Topic, symbol: str, offset: int, requested_at: datetime, payload_hash: bytes, rows: int
) -> int:
    """A message whose payload was recognised: one row, which says how many it stands for."""
    head = {
        "bytes": 100,
        "payload_hash": payload_hash.hex(),
        "known_rows": rows,
        "symbol": symbol,
        "requested_at": requested_at.isoformat(),
        "market_date": requested_at.date().isoformat(),
    }
    cursor.execute(
        f"insert into {topic.staging} (partition, kafka_offset, head) values (0, %s, %s)", (offset, json.dumps(head))
    )
    return 1
