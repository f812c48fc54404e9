"""The producer of one round as a process of its own, so that it may be killed: SEED ROUND POINTS_FOLDER, HM_* around.

It does what the task publish_payloads does: settles what a dead one left open, asks for what is unsettled, publishes.
Only the answers come from torture_messages, not from a server.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
from confluent_kafka import Producer
from torture_messages import ROUND_ZERO, messages_of
from torture_points import Points

from hedge_master.alpha_vantage.client import Answer
from hedge_master.ingestion.adoption import adopt_orphans
from hedge_master.ingestion.ledger import Bars, Ledger, Place
from hedge_master.ingestion.plan import Estimate, PlannedCall, unsettled, write_plan
from hedge_master.ingestion.publisher import publish_prices
from hedge_master.local_stack.airflow_environment import connections
from hedge_master.settings import load_settings

CALLS_A_MINUTE = 80  # four in flight


@dataclass(frozen=True)
class World:
    """In the place of the client: the answer of each symbol in this round."""

    answers: dict[str, Answer]
    points: Points
    announce: Callable[[], None] = lambda: None

    def until(self, _stopped: Callable[[], bool]) -> World:
        return self

    def announcing(self, announce: Callable[[], None]) -> World:
        return World(self.answers, self.points, announce)

    def daily_prices(self, symbol: str, _outputsize: str) -> Answer:
        self.announce()
        self.points.count("asked")
        return self.answers[symbol]


class PausingLedger(Ledger):
    points: Points

    def published(self, request_id: UUID, answer: Answer, bars: Bars, place: Place) -> None:
        self.points.count("confirmed")
        super().published(request_id, answer, bars, place)
        self.points.count("booked")


def main(seed: int, number: int, points: Points) -> None:
    settings = load_settings()
    url = settings.required("warehouse_ingest_url")
    run_id, market_date = f"torture/{number}", (ROUND_ZERO + timedelta(hours=number)).date()
    spoken = messages_of(seed, number)
    with closing(psycopg2.connect(url)) as planning:
        adopt_orphans(planning, settings.kafka_servers)
        planning.autocommit = False
        with planning, planning.cursor() as cursor:
            cursor.execute("select from market.ingest_runs where run_id = %s", (run_id,))
            if not cursor.rowcount:
                calls = [PlannedCall(each.symbol, each.outputsize, "torture") for each in spoken]
                write_plan(planning, run_id, "daily", market_date, calls, Estimate(0, None, None, 1, ROUND_ZERO))
        waiting = unsettled(planning, run_id)
    answers = {each.symbol: Answer(each.body, each.requested_at, each.requested_at) for each in spoken}
    extra: Any = connections(settings)["HM_KAFKA"]["extra"]
    with closing(psycopg2.connect(url)) as booking:
        ledger = PausingLedger(booking, run_id, "daily")
        ledger.points = points
        client: Any = World(answers, points)
        producer = Producer({**extra, "log_level": 0})
        publish_prices(client, producer, ledger, waiting, run_id, market_date, CALLS_A_MINUTE)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Points(Path(sys.argv[3])))
