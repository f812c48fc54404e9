"""Publishes price answers: asks for each symbol, hands the raw body to Kafka, and waits for the broker's word."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

from confluent_kafka import KafkaError, Message, Producer
from psycopg2.extensions import connection as Connection

from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import AlphaVantageError, DailyLimitReached, KeyRefused
from hedge_master.ingestion.ledger import CALLS_IN_FLIGHT, MOST_FAILED_SHARE, Ledger, Place
from hedge_master.ingestion.topics import SCHEMA_VERSION, Topic

log = logging.getLogger(__name__)

FUNCTION = "TIME_SERIES_DAILY"
UNCONFIRMED_AT_MOST = 64  # bounds memory: a full answer is about 1 MB
FLUSH_SECONDS = 120
PROGRESS_EVERY = 50


class PublishingFailed(RuntimeError):
    """The run has no right to be green: the broker refused messages, or nothing at all was published."""


@dataclass
class Published:
    """What became of the calls of one chunk; the counts add up to `asked`, `left` were not asked any more."""

    asked: int = 0
    published: int = 0
    nothing_there: int = 0
    failed: int = 0
    left: int = 0
    undelivered: list[str] = field(default_factory=list)


def publish_prices(
    client: AlphaVantageClient,
    producer: Producer,
    warehouse: Connection,
    topic: Topic,
    symbols: Iterable[str],
    run_id: str,
    market_date: date,
) -> Published:
    """Ask for each symbol's prices and publish the answers untouched; returns when the broker confirmed all.

    What this run has published already is not asked for again, so that a retry of the task buys only what is missing. A
    symbol that the API does not know is counted and left; a spent daily budget ends the chunk early. Raises
    PublishingFailed where the broker did not take a message, where calls were made and nothing was published, or where
    too many failed; and KeyRefused at once.
    """
    ledger = Ledger(warehouse, run_id)
    settled = ledger.settled(FUNCTION, topic.outputsize)
    publisher = _Publisher(client, producer, ledger, topic, run_id, market_date)
    return publisher.publish([symbol for symbol in symbols if symbol not in settled])


def message_headers(answer: Answer, symbol: str, request_id: UUID, run_id: str, market_date: date) -> dict[str, str]:
    """What stands beside the raw body in Kafka: who asked for what, when, and by whose clock."""
    return {
        "function": FUNCTION,
        "run_id": run_id,
        "market_date": market_date.isoformat(),
        "symbol": symbol,
        "request_id": str(request_id),
        "requested_at": answer.requested_at.isoformat(timespec="microseconds"),
        "market_time": answer.market_time.isoformat(),
        "schema_version": SCHEMA_VERSION,
    }


class _Publisher:
    def __init__(
        self,
        client: AlphaVantageClient,
        producer: Producer,
        ledger: Ledger,
        topic: Topic,
        run_id: str,
        market_date: date,
    ) -> None:
        self._client = client
        self._producer = producer
        self._ledger = ledger
        self._topic = topic
        self._run_id = run_id
        self._market_date = market_date
        self._report = Published()

    def publish(self, symbols: list[str]) -> Published:
        report = self._report
        waiting = iter(symbols)
        flying: dict[Future[Answer], tuple[UUID, str]] = {}
        budget_left = True
        try:
            with ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="alpha-vantage") as pool:
                while True:
                    while budget_left and len(flying) < CALLS_IN_FLIGHT and (symbol := next(waiting, None)) is not None:
                        request_id = uuid4()
                        self._ledger.asked(request_id, FUNCTION, symbol, self._topic.outputsize)
                        report.asked += 1
                        asking = pool.submit(self._client.daily_prices, symbol, self._topic.outputsize)
                        flying[asking] = request_id, symbol
                    if not flying:
                        break
                    for answered in wait(flying, return_when=FIRST_COMPLETED).done:
                        budget_left &= self._settle(answered, *flying.pop(answered))
                    self._producer.poll(0)
        finally:
            # Whatever went wrong: what the broker takes of the answers that were paid for goes into the ledger.
            unconfirmed = self._producer.flush(FLUSH_SECONDS)
        report.left = len(symbols) - report.asked
        return self._checked(unconfirmed)

    def _settle(self, answered: Future[Answer], request_id: UUID, symbol: str) -> bool:
        """Publish one answer or close its call; False when the day's budget is spent."""
        try:
            answer = answered.result()
        except DailyLimitReached as error:
            self._ledger.failed(request_id, error)
            self._report.failed += 1
            log.warning("the day's calls are spent: %s", error)
            return False
        except KeyRefused as error:
            self._ledger.failed(request_id, error)
            raise
        except AlphaVantageError as error:
            self._ledger.failed(request_id, error)
            if error.outcome == "nothing_there":
                self._report.nothing_there += 1
            else:
                self._report.failed += 1
            log.warning("%s: %s: %s", symbol, type(error).__name__, error)
            return True
        if answer.body.strip() == b"{}":
            self._ledger.nothing_there(request_id)
            self._report.nothing_there += 1
            return True
        self._produce(request_id, symbol, answer)
        return True

    def _produce(self, request_id: UUID, symbol: str, answer: Answer) -> None:
        headers = message_headers(answer, symbol, request_id, self._run_id, self._market_date)

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._report.undelivered.append(f"{symbol}: {error.str()}")
                return
            place = Place(self._topic.name, int(message.partition() or 0), int(message.offset() or 0))
            self._ledger.published(request_id, answer.requested_at, len(answer.body), place)
            self._report.published += 1
            if self._report.published % PROGRESS_EVERY == 0:
                log.info("%d published so far, %d asked for", self._report.published, self._report.asked)

        if len(self._producer) >= UNCONFIRMED_AT_MOST:  # let the broker catch up
            self._producer.flush(FLUSH_SECONDS)
        self._producer.produce(
            self._topic.name,
            key=symbol.encode(),
            value=answer.body,
            headers=[(name, value.encode()) for name, value in headers.items()],
            on_delivery=on_delivery,
        )

    def _checked(self, unconfirmed: int) -> Published:
        report = self._report
        log.info("%s", report)
        if unconfirmed:
            raise PublishingFailed(f"{unconfirmed} messages were not confirmed by the broker in {FLUSH_SECONDS} s")
        if report.undelivered:
            raise PublishingFailed(f"the broker refused {len(report.undelivered)} messages: {report.undelivered[0]}")
        if report.asked and not report.published:
            raise PublishingFailed(f"{report.asked} calls brought nothing to publish: see market.api_calls")
        if report.failed > MOST_FAILED_SHARE * report.asked and not report.left:
            raise PublishingFailed(f"{report.failed} of {report.asked} calls failed: see market.api_calls")
        return report
