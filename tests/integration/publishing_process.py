"""A publishing task as a process of its own, so that a test may kill it: RUN_ID, then HM_* in the environment.

It does what the task publish_payloads does, without Airflow: adopts what was left open, asks for what is unsettled,
publishes. "begun" on standard output says that the first call is about to be made.
"""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import date

import psycopg2
from confluent_kafka import Producer

from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.ingestion.adoption import adopt_orphans
from hedge_master.ingestion.budget import Limits, SharedBudget
from hedge_master.ingestion.ledger import Ledger
from hedge_master.ingestion.plan import unsettled
from hedge_master.ingestion.publisher import publish_prices
from hedge_master.ingestion.topics import MAX_MESSAGE_BYTES
from hedge_master.settings import load_settings

PRODUCER = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "zstd",
    "message.max.bytes": MAX_MESSAGE_BYTES,
    "linger.ms": 20,
    "log_level": 0,
}


def main(run_id: str) -> None:
    settings = load_settings()
    url = settings.required("warehouse_ingest_url")
    limits = Limits(*settings.request_limits)
    with closing(psycopg2.connect(url)) as reading:
        adopt_orphans(reading, settings.kafka_servers)
        waiting = unsettled(reading, run_id)
    with (
        closing(psycopg2.connect(url)) as pace,
        closing(psycopg2.connect(url)) as calls,
        AlphaVantageClient(
            settings.alpha_vantage_url, "key", SharedBudget(pace, settings.alpha_vantage_url, limits)
        ) as client,
    ):
        print("begun", flush=True)
        producer = Producer({"bootstrap.servers": settings.kafka_servers, **PRODUCER})
        report = publish_prices(
            client,
            producer,
            Ledger(calls, run_id, "history"),
            waiting,
            run_id,
            date(2020, 6, 12),
            limits.calls_per_minute,
        )
        print(report, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
