"""`hm rejected` on a real warehouse: what was refused and why, and what another try brought."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import Result
from market_rows import all_of
from psycopg2.extensions import connection as Connection
from rejection_rows import refuse
from rich.console import ConsoleDimensions
from typer.testing import CliRunner

from hedge_master.cli.main import app
from hedge_master.ingestion.topics import DAILY_PRICES
from hedge_master.local_stack import demo
from hedge_master.local_stack.airflow_api import Run
from hedge_master.settings import Settings

Hm = Callable[..., Result]
ZEROS = '{"1. open":"0.0000","4. close":"0.0000"}'


@pytest.fixture
def hm(warehouse_settings: Settings) -> Hm:
    """`hm rejected WORDS` as a user types it."""
    environ = {
        "HM_HOME": str(warehouse_settings.home),
        "HM_WAREHOUSE_INGEST_URL": warehouse_settings.required("warehouse_ingest_url"),
        "COLUMNS": "200",
    }
    return lambda *words: CliRunner().invoke(app, ["rejected", *words], env=environ)


@pytest.fixture
def refused(ingest: Connection) -> Connection:
    """1, 2: two days of NEW, which nobody knew; 3: a row of zeros, which was seen three times; 4: a message of OLD that
    is gone from Kafka; 5: one day of NEW that has arrived since."""
    refuse(ingest, DAILY_PRICES, "NEW", 0, reason="unknown_symbol", day="2020-06-11", raw="{}")
    refuse(ingest, DAILY_PRICES, "NEW", 0, reason="unknown_symbol", day="2020-06-12", raw="{}")
    refuse(ingest, DAILY_PRICES, "AAA", 1, reason="price_not_positive", day="2020-06-12", raw=ZEROS, seen=3)
    gone = {"gone_at": datetime(2026, 1, 1, tzinfo=UTC), "gone_run_id": "redrive_rejected/one"}
    refuse(ingest, DAILY_PRICES, "OLD", 2, reason="notice", raw='{"Note": "[slow down]"}', **gone)
    resolved = {"resolved_at": datetime(2026, 1, 1, tzinfo=UTC), "resolved_by_batch_id": 7}
    refuse(ingest, DAILY_PRICES, "NEW", 0, reason="unknown_symbol", day="2020-06-10", raw="{}", **resolved)
    return ingest


def told(ended: Result) -> list[dict[str, Any]]:
    assert ended.exit_code == 0, ended.output
    answer: list[dict[str, Any]] = json.loads(ended.stdout)
    return answer


@pytest.mark.usefixtures("refused")
def test_each_reason_is_counted(hm: Hm) -> None:
    counts = [
        (each["reason"], each["open"], each["resolved"], each["gone"], each["seen"])
        for each in told(hm("list", "--format", "json"))
    ]
    assert counts == [("unknown_symbol", 2, 1, 0, 3), ("notice", 1, 0, 1, 1), ("price_not_positive", 1, 0, 0, 3)]
    assert [each["reason"] for each in told(hm("list", "--symbol", "AAA", "--format", "json"))] == [
        "price_not_positive"
    ]
    assert told(hm("list", "--batch", "99", "--format", "json")) == []
    assert "unknown_symbol" in hm("list").stdout


@pytest.mark.usefixtures("refused")
def test_open_rejections_of_a_symbol_come_first(hm: Hm) -> None:
    found = told(hm("show", "--symbol", "NEW", "--format", "json"))
    assert [(each["day"], each["state"]) for each in found] == [
        ("2020-06-12", "open"),
        ("2020-06-11", "open"),
        ("2020-06-10", "resolved"),
    ]
    assert len(told(hm("show", "--limit", "1", "--format", "json"))) == 1
    assert "2020-06-11" in hm("show", "--reason", "unknown_symbol").stdout


@pytest.mark.usefixtures("refused")
def test_a_list_fits_a_terminal_of_80_columns(hm: Hm, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was delivered is cut; what names a rejection is not."""
    monkeypatch.setattr("rich.console.Console.size", ConsoleDimensions(80, 25))
    (line,) = [line for line in hm("show", "--symbol", "AAA").stdout.splitlines() if "2020-06-12" in line]
    assert line.split()[1:6] == ["AAA", "2020-06-12", "price_not_positive", "open", "3"]
    assert line.rstrip().endswith("…")
    assert len(line) <= 80


@pytest.mark.usefixtures("refused")
def test_one_rejection_tells_its_story_with_its_own_json(hm: Hm) -> None:
    (zeros,) = told(hm("show", "--reason", "price_not_positive", "--format", "json"))
    shown = " ".join(hm("show", str(zeros["rejection_id"])).stdout.split())
    assert f"As delivered {ZEROS}" in shown
    assert "Seen 3 times" in shown
    assert "market-data.daily-prices.v1 0:1" in shown
    (gone,) = told(hm("show", "--symbol", "OLD", "--format", "json"))
    assert gone["state"] == "open, message gone from Kafka"
    shown = " ".join(hm("show", str(gone["rejection_id"])).stdout.split())
    assert "Kafka has deleted its message; ask for the symbol again, then close it" in shown
    assert '{"Note": "[slow down]"}' in shown
    unknown = hm("show", "999")
    assert "rejection 999 is not in market.rejections" in str(unknown.exception)


@pytest.mark.usefixtures("refused")
def test_what_is_gone_is_closed_by_hand_or_looked_for_again(hm: Hm) -> None:
    (gone,) = told(hm("show", "--symbol", "OLD", "--format", "json"))
    assert hm("look-again", "--symbol", "NEW").stdout.startswith("0 rejections")
    assert hm("look-again", "--symbol", "OLD").stdout.startswith("1 rejections")
    assert told(hm("show", "--symbol", "OLD", "--format", "json"))[0]["state"] == "open"
    number = str(gone["rejection_id"])
    assert hm("close", number, "--because", "asked for again").stdout == "1 of 1 closed\n"
    assert hm("close", number, "--because", "twice").stdout == "0 of 1 closed: the others are not open\n"
    assert ": asked for again" in hm("show", number).stdout
    (notice,) = [each for each in told(hm("list", "--format", "json")) if each["reason"] == "notice"]
    assert (notice["open"], notice["gone"], notice["closed"]) == (0, 0, 1)


class Airflow:
    """Runs the DAG at once: Friday of NEW arrives, Thursday is refused again. `state`: how the run ends."""

    def __init__(self, warehouse: Connection, state: str = "success") -> None:
        self._warehouse = warehouse
        self._state = state
        self.ordered: list[dict[str, object]] = []

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None: ...

    def unpause(self, dag_id: str) -> None:
        assert dag_id == "redrive_rejected"

    def trigger(self, dag_id: str, conf: dict[str, object], by: str) -> str:
        self.ordered.append(conf)
        all_of(
            self._warehouse,
            f"""insert into market.ingest_batches
                (batch_id, run_id, topic, started_at, messages, delivered, new, changed, unchanged, superseded,
                rejected, offsets, redrive)
            overriding system value
            values (50, '{dag_id}/{by}__1', 't', now(), 1, 2, 1, 0, 0, 0, 1, '{{}}', true) returning 1""",
        )
        all_of(
            self._warehouse,
            """update market.rejections set
                resolved_at = case when day = '2020-06-12' then now() end,
                resolved_by_batch_id = case when day = '2020-06-12' then 50 end,
                last_batch_id = case when day = '2020-06-12' then 0 else 50 end
            where symbol = 'NEW' and resolved_at is null returning 1""",
        )
        return f"{by}__1"

    def run(self, dag_id: str, run_id: str) -> Run:
        return Run(dag_id, run_id, self._state, None, None, None)

    def task_states(self, dag_id: str, run_id: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(task_id="redrive_rows", state="failed")]

    def log_tail(self, run: Run, task: SimpleNamespace) -> str:
        return f"{task.task_id}: out of memory"


def test_a_redrive_orders_the_dag_and_tells_what_became_of_the_rejections(
    hm: Hm, refused: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = Airflow(refused)
    monkeypatch.setattr(demo, "airflow", lambda stack: airflow)
    ended = hm("redrive", "--reason", "unknown_symbol", "--limit", "10")
    assert ended.exit_code == 0, ended.output
    assert airflow.ordered == [{"reason": "unknown_symbol", "symbol": None, "batch": 0, "limit": 10}]
    assert ended.stdout.splitlines()[-1] == (
        "rejections: 1 resolved, 1 refused, 0 gone, 0 left; rows: 1 new, 0 changed, 0 unchanged, 0 superseded"
    )


def test_a_redrive_that_fails_shows_the_end_of_its_log(
    hm: Hm, refused: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "airflow", lambda stack: Airflow(refused, "failed"))
    ended = hm("redrive")
    assert "redrive_rows: out of memory" in str(ended.exception)
    assert ended.stdout.splitlines()[-1].startswith("rejections: 1 resolved")


def test_without_airflow_it_says_so(hm: Hm, refused: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(stack: object) -> Airflow:
        raise httpx.ConnectError("connection refused")

    monkeypatch.setattr(demo, "airflow", nobody)
    assert "Airflow does not answer" in str(hm("redrive").exception)
