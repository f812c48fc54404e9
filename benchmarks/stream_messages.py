"""The messages of the stream's benchmark: full histories and compact answers of made-up symbols, in Kafka."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer
from payload_files import PLACE, Manifest, symbol_of, template_file
from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.topics import MAX_MESSAGE_BYTES, Topic
from hedge_master.sample_market.answers import COMPACT_ROWS, as_json

SERIES = "Time Series (Daily)"
CURRENCIES = ("USD", "EUR", "GBX", "JPY", "INR")
FLUSH_SECONDS = 120
QUEUE_KILOBYTES = 64 * 1024
# After the session of the newest bar has closed everywhere: no bar is provisional.
MARKET_HOUR = timedelta(days=1, hours=9)

# Five currencies in turn, four of them with a rate a weekday: the merge has USD prices to reckon.
FILL = """
insert into market.symbols (symbol_id, symbol, name, type, region, timezone, closes, currency, first_seen)
overriding system value
select number + 1, 'BENCH' || lpad(number::text, 5, '0'), 'simulated', 'Equity', 'United States', 'US/Eastern', '16:00',
    (%(currencies)s)[1 + number %% %(count)s], date '2020-01-02'
from generate_series(0, %(symbols)s - 1) as number;
update market.symbols set added_at = '1999-01-01';

insert into market.fx_rates (currency, rate_date, usd_per_unit, source)
select currency, day, 1 + extract(doy from day) / 1000, 'simulated'
from unnest(array['EUR', 'GBP', 'JPY', 'INR']) as currency
cross join generate_series(date '1998-12-28', %(day)s, interval '1 day') as day
where extract(isodow from day) < 6;
"""

CLOSE = '"4. close"'  # once in each bar

Body = Callable[[int], str]


def fill_reference(warehouse: Connection, symbols: int, day: date) -> None:
    """Symbols and rates up to `day`, on an empty warehouse."""
    values = {"symbols": symbols, "currencies": list(CURRENCIES), "count": len(CURRENCIES), "day": day}
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(FILL, values)


def id_of(number: int) -> int:
    """The symbol_id of a symbol by its number."""
    return number + 1


def stored_rows(warehouse: Connection) -> int:
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute("select count(*) from market.prices")
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def copy_prices(warehouse: Connection, source: range, target: range) -> None:
    """Stores the bars of the symbols `source` again for as many other ones, whatever columns a bar has."""
    with warehouse, warehouse.cursor() as cursor:
        cursor.execute(
            """select string_agg(quote_ident(column_name), ', ') from information_schema.columns
            where (table_schema, table_name) = ('market', 'prices')
                and column_name <> 'symbol_id' and is_generated = 'NEVER'"""
        )
        (columns,) = cursor.fetchone() or ("",)
        cursor.execute(
            f"""insert into market.prices (symbol_id, {columns}) select symbol_id + %s, {columns} from market.prices
            where symbol_id between %s and %s""",  # noqa: S608 (names of our own table)
            (target[0] - source[0], id_of(source[0]), id_of(source[-1])),
        )


def dealt(templates: Sequence[str]) -> Body:
    """The number of a symbol -> its answer; the templates are dealt in turn."""
    parts = [text.split(PLACE) for text in templates]
    return lambda number: symbol_of(number).join(parts[number % len(parts)])


def without_spaces(answer: str) -> str:
    """The same JSON in other bytes."""
    return json.dumps(json.loads(answer), separators=(",", ":"))


def day_before(full: str) -> str:
    """The compact answer that was given a trading day before the newest one of a full answer."""
    answer = json.loads(full)
    bars = list(answer[SERIES].items())
    return as_json({**answer, SERIES: dict(bars[1 : 1 + COMPACT_ROWS])})


@dataclass(frozen=True)
class Answers:
    """The answers of a folder that make_payloads.py made."""

    full: Body
    full_without_spaces: Body
    compact: Body
    compact_a_day_before: Body
    day: date

    @classmethod
    def of(cls, folder: Path) -> Answers:
        manifest = Manifest(**json.loads((folder / "manifest.json").read_text()))
        full, compact = (
            [(folder / template_file(size, number)).read_text() for number in range(manifest.templates)]
            for size in ("full", "compact")
        )
        return cls(
            dealt(full),
            dealt([without_spaces(each) for each in full]),
            dealt(compact),
            dealt([day_before(each) for each in full]),
            manifest.day,
        )


class Feed:
    """Puts answers into Kafka as the publisher does: its headers, zstd, in the order of their request times."""

    def __init__(self, servers: str, day: date) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "compression.type": "zstd",
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
                "linger.ms": 20,
            }
        )
        self._day = day
        self._asked = datetime(day.year, day.month, day.day, tzinfo=UTC) + MARKET_HOUR

    def publish(self, topic: Topic, numbers: Iterable[int], body: Body) -> int:
        """One message a symbol, each asked for a second after the one before; how many. Raises on a lost one."""
        refused: list[str] = []

        def on_delivery(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                refused.append(error.str())

        count = 0
        for number in numbers:
            self._asked += timedelta(seconds=1)
            symbol, value = symbol_of(number), body(number).encode()
            headers = {
                "function": "TIME_SERIES_DAILY",
                "run_id": "benchmark",
                "market_date": self._day.isoformat(),
                "symbol": symbol,
                "request_id": f"benchmark-{number}",
                "requested_at": self._asked.isoformat(timespec="microseconds"),
                "market_time": self._asked.isoformat(),
                "schema_version": "1",
            }
            while True:
                try:
                    self._producer.produce(
                        topic.name, value, key=symbol, headers=list(headers.items()), on_delivery=on_delivery
                    )
                    break
                except BufferError:
                    self._producer.poll(1)
            self._producer.poll(0)
            count += 1
        if self._producer.flush(FLUSH_SECONDS) or refused:
            raise RuntimeError(f"{topic.name} did not take all messages: {refused[:1] or 'no word from the broker'}")
        return count
