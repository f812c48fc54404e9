"""Opens the outside world from Airflow's connections hm_warehouse, hm_alpha_vantage and hm_kafka, inside a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, get_current_context
from airflow.sdk.exceptions import AirflowFailException

from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.errors import Advice, AlphaVantageError
from hedge_master.ingestion.budget import Limits, SharedBudget
from hedge_master.ingestion.market_date import RunTimes, market_moment, start_market_day
from hedge_master.settings import SettingsError, load_settings
from hedge_master.warehouse.connection import connect

if TYPE_CHECKING:
    from confluent_kafka import Producer
    from psycopg2.extensions import connection as Connection


@contextmanager
def warehouse() -> Iterator[Connection]:
    """The warehouse as the role that writes schema market; commits at the end of the block."""
    with connect(BaseHook.get_connection("hm_warehouse").get_uri(), _application()) as connection:
        yield connection


@contextmanager
def budget() -> Iterator[SharedBudget]:
    """The budget of API calls that all runs share."""
    with warehouse() as connection:
        yield SharedBudget(connection, load_settings().alpha_vantage_url, limits())


def limits() -> Limits:
    """Calls per second, minute and day that the plan of the key allows."""
    return Limits(*load_settings().request_limits)


@contextmanager
def alpha_vantage() -> Iterator[AlphaVantageClient]:
    """A client within the shared budget; the key comes from the connection, which Airflow masks in logs.

    An error of the API that leaves the block fails the task: without a retry where asking again today mends nothing (a
    refused key, a plan that lacks the function), since each try would buy the same refusals.
    """
    key = BaseHook.get_connection("hm_alpha_vantage").password
    if not key:
        raise SettingsError("connection hm_alpha_vantage has no password: set HM_ALPHA_VANTAGE_API_KEY and start again")
    try:
        with budget() as shared, AlphaVantageClient(load_settings().alpha_vantage_url, key, shared) as client:
            yield client
    except AlphaVantageError as error:
        if error.advice is Advice.AGAIN_TODAY:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}: {error.advice}") from None


def kafka_producer() -> Producer:
    """An idempotent producer as the connection's extra describes it (acks=all, zstd, 8 MB messages)."""
    from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook

    return KafkaProducerHook(kafka_config_id="hm_kafka").get_producer()


def run_id() -> str:
    """DAG and run in one word: what batches, calls and messages are booked to."""
    run = get_current_context()["dag_run"]
    return f"{run.dag_id}/{run.run_id}"


def start_run(*, next_day: bool = False) -> date:
    """The market date of this run (see `start_market_day`)."""
    with warehouse() as connection:
        return start_market_day(load_settings(), connection, run_id(), _times(), next_day)


def moment_of_run() -> datetime:
    """The moment of this run in its market's own time (see `market_moment`)."""
    return market_moment(load_settings(), _times())


def _times() -> RunTimes:
    run = get_current_context()["dag_run"]
    began = run.start_date or run.run_after
    # A run that was triggered by hand without a data interval counts from when it was due.
    return RunTimes(run.run_type == "scheduled", run.run_after, began, run.data_interval_end or run.run_after)


def _application() -> str:
    context = get_current_context()
    return f"hedge_master {context['ti'].dag_id}.{context['ti'].task_id}"[:63]
