"""Airflow's metadata database, as the local stack sets it up."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest

from hedge_master.local_stack.environment import load_environment
from hedge_master.settings import Settings


def test_a_transaction_that_its_owner_has_left_open_ends_and_gives_its_locks_back(warehouse_settings: Settings) -> None:
    """A killed scheduler's connection lives on in the workers that it has forked. The limit is shortened for the test,
    in the waiting session alone: it is the server that ends it."""
    environ = load_environment({"HM_HOME": str(warehouse_settings.home)}, dotenv=warehouse_settings.home / "no.env")

    def connect() -> closing[psycopg2.extensions.connection]:
        return closing(
            psycopg2.connect(
                host="127.0.0.1",
                port=warehouse_settings.postgres_port,
                dbname="airflow",
                user="airflow",
                password=environ["HM_SECRET_AIRFLOW_DATABASE_PASSWORD"],
            )
        )

    with connect() as dead, connect() as living, dead.cursor() as left, living.cursor() as waiting:
        left.execute("show idle_in_transaction_session_timeout")
        assert left.fetchone() == ("1min",)
        dead.rollback()
        left.execute("set idle_in_transaction_session_timeout = '200ms'")
        dead.commit()
        left.execute("select pg_advisory_xact_lock(1)")
        waiting.execute("set lock_timeout = '20s'")
        waiting.execute("select pg_advisory_xact_lock(1)")
        with pytest.raises(psycopg2.OperationalError, match=r"closed the connection|idle-in-transaction timeout"):
            left.execute("select 1")
