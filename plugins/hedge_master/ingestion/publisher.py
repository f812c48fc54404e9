"""Publishes price answers: asks for each symbol, hands the raw body to Kafka, and waits for the broker's word."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeGuard
from uuid import UUID, uuid4

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from hedge_master.alpha_vantage.client import AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import AlphaVantageError, CalledOff, DailyLimitReached, KeyRefused, PremiumOnly
from hedge_master.ingestion.in_flight import InFlight
from hedge_master.ingestion.ledger import MOST_FAILED_SHARE, TOO_LARGE, Bars, Ledger, Place, bars_of
from hedge_master.ingestion.plan import FUNCTION, PlannedCall
from hedge_master.ingestion.topics import MAX_MESSAGE_BYTES, SCHEMA_VERSION, topic_of

log = logging.getLogger(__name__)

IN_FLIGHT = (4, 32)  # at least, at most
ANSWER_SECONDS = 3  # as long may an answer take before calls in flight are too few for the pace
UNCONFIRMED_BYTES = 8 * 1024 * 1024  # bounds memory: a full answer is about 1 MB, and stands in it twice
FLUSH_SECONDS = 120
PROGRESS_SECONDS = 30


class PublishingFailed(RuntimeError):
    """The run has no right to be green: the broker refused messages, or nothing at all was published."""


@dataclass
class Published:
    """What became of the calls of one chunk: `asked` = `published` + `nothing_there` + `failed` + `gaps`.

    `gaps` are full histories that the plan of the key does not include; `retries` go beyond the first try of each call;
    `left` wait for another day, since the budget is `spent`.
    """

    asked: int = 0
    published: int = 0
    nothing_there: int = 0
    failed: int = 0
    gaps: int = 0
    retries: int = 0
    left: int = 0
    spent: bool = False
    undelivered: list[str] = field(default_factory=list)


def publish_prices(
    client: AlphaVantageClient,
    producer: Producer,
    ledger: Ledger,
    calls: Sequence[PlannedCall],
    run_id: str,
    market_date: date,
    calls_per_minute: float | None = None,
    needs_full: bool = False,
    progress: Callable[[], str] | None = None,
    settled_before: int = 0,
) -> Published:
    """Ask for each symbol's prices and publish the answers untouched; returns when the broker confirmed all.

    A compact answer that begins behind the last bar that was known leaves a gap: the full history is asked for at once,
    where the plan of the key allows it. A symbol that the API does not know is counted and left; a spent daily budget
    ends the chunk early. `calls_per_minute` is the budget's pace, for the number of calls in flight; `progress` says a
    line on the whole run, for the log. `settled_before` symbols of the chunk had their answer before this try.

    Raises PublishingFailed where the broker did not take a message, where calls were made and nothing was published, or
    where too many failed; KeyRefused at once, and so PremiumOnly where the run `needs_full` histories.
    """
    pace = IN_FLIGHT[1] if calls_per_minute is None else math.ceil(calls_per_minute / 60 * ANSWER_SECONDS)
    in_flight = min(max(pace, IN_FLIGHT[0]), IN_FLIGHT[1])
    return _Publisher(client, producer, ledger, run_id, market_date, in_flight, needs_full, progress).publish(
        calls, settled_before
    )


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


def is_too_large(error: KafkaError | str | None) -> TypeGuard[KafkaError]:
    """Whether it is this one message that Kafka does not take; others are no worse off."""
    return isinstance(error, KafkaError) and error.code() == KafkaError.MSG_SIZE_TOO_LARGE


class _Publisher:
    def __init__(
        self,
        client: AlphaVantageClient,
        producer: Producer,
        ledger: Ledger,
        run_id: str,
        market_date: date,
        in_flight: int,
        needs_full: bool,
        progress: Callable[[], str] | None,
    ) -> None:
        self._client = client
        self._producer = producer
        self._ledger = ledger
        self._run_id = run_id
        self._market_date = market_date
        self._in_flight = in_flight
        self._needs_full = needs_full
        self._has_full = True
        self._can_publish = True
        self._progress = progress
        self._report = Published()
        self._unconfirmed_bytes = 0
        self._told_at = time.monotonic()

    def publish(self, calls: Sequence[PlannedCall], settled_before: int) -> Published:
        final: KeyRefused | PremiumOnly | None = None
        try:
            waiting = ((uuid4(), call) for call in calls)
            with InFlight(self._client, waiting, self._ask, self._in_flight) as flight:
                for ended in flight:
                    for (request_id, call), answered in ended:
                        try:
                            again = self._settle(answered, request_id, call)
                        except (KeyRefused, PremiumOnly) as error:
                            final = final or error  # no further call, but those in flight are paid for: settled as well
                            continue
                        if again is not None:
                            flight.waiting.append((uuid4(), again))
                    if self._report.spent or final or not self._can_publish:
                        flight.stop()
                    if not self._has_full:
                        possible = [(each, self._possible(call)) for each, call in flight.waiting]
                        flight.waiting = deque((each, call) for each, call in possible if call is not None)
                    self._producer.poll(0)
                    self._tell(len(flight.waiting))
        finally:
            # Whatever went wrong: what the broker takes of the answers that were paid for goes into the ledger.
            unconfirmed = self._producer.flush(FLUSH_SECONDS)
        if final:
            raise final
        self._report.left = len(flight.waiting)
        return self._checked(unconfirmed, len(calls) + settled_before, settled_before)

    def _ask(self, client: AlphaVantageClient, asked: tuple[UUID, PlannedCall]) -> Answer:
        request_id, call = asked
        asking = self._ledger.announced(client, request_id, FUNCTION, call.symbol, call.outputsize)
        return asking.daily_prices(call.symbol, call.outputsize)

    def _possible(self, call: PlannedCall) -> PlannedCall | None:
        """The call, or the compact one in its place where the plan of the key turned out to have no full histories."""
        if call.outputsize == "compact" or self._has_full:
            return call
        return None if call.follows_compact else replace(call, outputsize="compact")

    def _settle(self, answered: Future[Answer], request_id: UUID, call: PlannedCall) -> PlannedCall | None:
        """Publish one answer or close its call; returns the call that must follow it, if any."""
        self._report.asked += 1
        try:
            answer = answered.result()
        except AlphaVantageError as error:
            return self._note(request_id, call, error)
        self._report.retries += answer.attempts - 1
        bars = bars_of(answer.body, call.last_bar if call.outputsize == "compact" else None)
        self._produce(request_id, call, answer, bars)
        if bars.gap_after is None:
            return None
        return replace(call, outputsize="full", reason=f"nothing known after {bars.gap_after}", follows_compact=True)

    def _note(self, request_id: UUID, call: PlannedCall, error: AlphaVantageError) -> PlannedCall | None:
        self._ledger.failed(request_id, error)
        self._report.retries += max(error.attempts - 1, 0)
        no_full = isinstance(error, PremiumOnly) and call.outputsize == "full"
        if isinstance(error, KeyRefused) or (no_full and self._needs_full):
            raise error
        if isinstance(error, DailyLimitReached | CalledOff):
            self._report.spent |= isinstance(error, DailyLimitReached)
            self._report.asked -= 1
            return call
        log.warning("%s: %s: %s", call.symbol, type(error).__name__, error)
        if no_full:
            self._has_full = False
            self._report.gaps += 1
            return self._possible(call)
        if error.outcome == "nothing_there":
            self._report.nothing_there += 1
        else:
            self._report.failed += 1
        return None

    def _produce(self, request_id: UUID, call: PlannedCall, answer: Answer, bars: Bars) -> None:
        topic = topic_of(call.outputsize)
        size = len(answer.body)
        headers = message_headers(answer, call.symbol, request_id, self._run_id, self._market_date)

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            self._unconfirmed_bytes -= size
            if is_too_large(error):
                self._not_taken(request_id, call, answer, error)
                return
            if error is not None:  # Kafka may hold it after all: the next start looks for it (see `adoption`)
                self._report.undelivered.append(f"{call.symbol}: {error.str()}")
                return
            place = Place(topic.name, int(message.partition() or 0), int(message.offset() or 0))
            self._ledger.published(request_id, answer, bars, place)
            self._report.published += 1

        while self._unconfirmed_bytes + size > UNCONFIRMED_BYTES and len(self._producer):  # let the broker catch up
            if not self._producer.poll(FLUSH_SECONDS):
                break
        try:
            self._producer.produce(
                topic.name,
                key=call.symbol.encode(),
                value=answer.body,
                headers=[(name, value.encode()) for name, value in headers.items()],
                on_delivery=on_delivery,
            )
        except (KafkaException, BufferError) as error:
            self._not_taken(request_id, call, answer, error.args[0])
        else:
            self._unconfirmed_bytes += size

    def _not_taken(self, request_id: UUID, call: PlannedCall, answer: Answer, error: KafkaError | str) -> None:
        """Note a message that Kafka certainly does not hold, and close its call."""
        told = f"{call.symbol}: {len(answer.body):,} bytes: {error.str() if isinstance(error, KafkaError) else error}"
        if is_too_large(error):
            told = f"{call.symbol}: {len(answer.body):,} bytes, a message holds {MAX_MESSAGE_BYTES:,}"
        elif isinstance(error, KafkaError):
            self._can_publish = False
        self._ledger.not_taken(request_id, answer, f"{TOO_LARGE if is_too_large(error) else 'Undelivered'}: {told}")
        self._report.undelivered.append(told)

    def _tell(self, waiting: int) -> None:
        """A line of progress every PROGRESS_SECONDS."""
        if time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self._told_at = time.monotonic()
            log.info("%s; %d to go in this chunk", self._progress() if self._progress else self._report, waiting)

    def _checked(self, unconfirmed: int, symbols: int, settled_before: int) -> Published:
        report = self._report
        log.info("%s", report)
        if unconfirmed:
            raise PublishingFailed(f"{unconfirmed} messages were not confirmed by the broker in {FLUSH_SECONDS} s")
        if report.undelivered:
            raise PublishingFailed(f"the broker refused {len(report.undelivered)} messages: {report.undelivered[0]}")
        if report.spent:
            return report
        if report.asked and not report.published and not settled_before:
            raise PublishingFailed(f"{report.asked} calls brought nothing to publish: see market.api_calls")
        if report.failed > MOST_FAILED_SHARE * symbols:
            raise PublishingFailed(f"{report.failed} of {report.asked} calls failed: see market.api_calls")
        return report
