"""Alerts to a mail server and a webhook on this machine: each cause once, by each way, and no secret in any of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection

from hedge_master.alerts.alert import Alert, AlertNotSent, Channel, send_once
from hedge_master.alerts.causes import causes, late_data, low_budget, rejected_rows
from hedge_master.alerts.channels import channels
from hedge_master.alerts.notifier import RunFailed
from hedge_master.ingestion.budget import BudgetState, Limits
from hedge_master.local_stack.airflow_environment import mail_connection
from hedge_master.operations.figures import read_figures
from hedge_master.settings import Settings, load_settings
from ledger_rows import add_answer, add_symbols
from receivers import PASSWORD, TOKEN, MailServer, Webhook, mail_server, webhook

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

ALERT = Alert("late data: 2020-06-12", "Hedge Master: no prices", "Mend <it> & {{ 7 * 7 }}.")
FRIDAY = date(2020, 6, 12)
RESET = datetime(2020, 6, 13, 4, tzinfo=UTC)
API_KEY = "key-of-the-api-1234"


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as server:
        yield server


@pytest.fixture
def environ(
    mails: MailServer, hook: Webhook, warehouse_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Both ways are set up, in the environment of an Airflow process."""
    chosen = {
        "HM_ALERT_EMAIL_TO": "ops@example.com, desk@example.com",
        "HM_SMTP_URL": mails.url,
        "HM_ALERT_WEBHOOK_URL": hook.url,
        "HM_ALPHA_VANTAGE_API_KEY": API_KEY,
        "AIRFLOW_CONN_HM_SMTP": json.dumps(mail_connection(mails.url)),
        "AIRFLOW_CONN_HM_WAREHOUSE": warehouse_settings.required("warehouse_ingest_url"),
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return chosen


@pytest.fixture
def ways(environ: dict[str, str]) -> list[Channel]:
    return channels(load_settings({name: value for name, value in environ.items() if name.startswith("HM_")}))


@pytest.fixture
def session(ingest: Connection, warehouse_settings: Settings) -> Iterator[Callable[[], Connection]]:
    """Opens further sessions."""
    opened: list[Connection] = []

    def another() -> Connection:
        opened.append(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url")))
        return opened[-1]

    yield another
    for each in opened:
        each.close()


def failed(dag_id: str = "produce_daily_prices", run_id: str = "scheduled__one", task_id: str = "publish") -> Any:
    doc = f"{dag_id} does this.\n\n**When it fails.** Run it again: {{{{ conn.hm_warehouse.password }}}}"
    return {"dag": SimpleNamespace(dag_id=dag_id, doc_md=doc), "run_id": run_id, "ti": SimpleNamespace(task_id=task_id)}


def test_an_alert_arrives_by_both_ways_and_says_what_it_says(
    ingest: Connection, ways: list[Channel], mails: MailServer, hook: Webhook
) -> None:
    assert send_once(ingest, ALERT, ways) == ["mail", "webhook"]
    (mail,) = mails.mails
    assert (mail["Subject"], mail["From"]) == ("Hedge Master: no prices", "hedge-master@localhost")
    assert mail["To"] == "ops@example.com, desk@example.com"
    html = next(part for part in mail.walk() if part.get_content_type() == "text/html").get_content()
    assert html.strip() == "<pre>Mend &lt;it&gt; &amp; {{ 7 * 7 }}.</pre>"
    assert hook.messages == [
        {
            "text": "Hedge Master: no prices\n\nMend <it> & {{ 7 * 7 }}.",
            "subject": "Hedge Master: no prices",
            "cause": "late data: 2020-06-12",
        }
    ]


def test_a_cause_is_told_once_however_often_it_is_found(
    ingest: Connection, ways: list[Channel], mails: MailServer, hook: Webhook
) -> None:
    for _ in range(3):
        send_once(ingest, ALERT, ways)
    send_once(ingest, Alert("another cause", "s", "t"), ways)
    assert (len(mails.mails), len(hook.messages)) == (2, 2)


def test_two_that_find_it_at_the_same_moment_send_one(
    session: Callable[[], Connection], ways: list[Channel], mails: MailServer, hook: Webhook
) -> None:
    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(lambda warehouse: send_once(warehouse, ALERT, ways), [session() for _ in range(4)]))
    assert sorted(name for names in sent for name in names) == ["mail", "webhook"]
    assert (len(mails.mails), len(hook.messages)) == (1, 1)


def test_what_one_way_refuses_is_tried_again_by_that_way_only(
    ingest: Connection, ways: list[Channel], mails: MailServer, hook: Webhook
) -> None:
    hook.status = 503
    with pytest.raises(AlertNotSent, match=r"^the webhook did not take the message: HTTP 503$"):
        send_once(ingest, ALERT, ways)
    assert len(mails.mails) == 1
    hook.status = 200
    assert send_once(ingest, ALERT, ways) == ["webhook"]
    assert (len(mails.mails), len(hook.messages)) == (1, 1)


def test_a_mail_server_that_says_no_keeps_no_webhook_from_its_message(
    ingest: Connection, ways: list[Channel], mails: MailServer, hook: Webhook
) -> None:
    mails.refuses = True
    with pytest.raises(AlertNotSent, match=r"^the mail server did not take the message: SMTPDataError$"):
        send_once(ingest, ALERT, ways)
    assert len(hook.messages) == 1
    mails.refuses = False
    assert send_once(ingest, ALERT, ways) == ["mail"]


def test_three_failing_tasks_and_a_second_failure_of_the_run_send_one_message(
    ingest: Connection, environ: dict[str, str], mails: MailServer, hook: Webhook
) -> None:
    for task_id in ("publish_payloads", "sync_splits", "conclude_run"):
        RunFailed().notify(failed(task_id=task_id))
    RunFailed().notify(failed(run_id="scheduled__two"))
    assert [message["cause"] for message in hook.messages] == [
        "failed run: produce_daily_prices/scheduled__one",
        "failed run: produce_daily_prices/scheduled__two",
    ]
    assert len(mails.mails) == 2
    text = hook.messages[0]["text"]
    assert text.startswith(
        "Hedge Master: produce_daily_prices failed\n\nThe run scheduled__one of produce_daily_prices"
    )
    assert "When it fails: Run it again: {{ conn.hm_warehouse.password }}" in text


def test_a_failure_is_told_also_where_the_warehouse_is_what_failed(
    environ: dict[str, str], mails: MailServer, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_HM_WAREHOUSE", "postgresql://nobody:none@127.0.0.1:9/none")
    RunFailed().notify(failed("stream_prices"))
    assert (len(mails.mails), len(hook.messages)) == (1, 1)


def test_without_a_way_nothing_is_sent_and_nothing_fails(
    environ: dict[str, str], hook: Webhook, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HM_ALERT_EMAIL_TO", "HM_ALERT_WEBHOOK_URL"):
        monkeypatch.delenv(name)
    RunFailed().notify(failed())
    assert (mails.mails, hook.messages) == ([], [])


def test_no_secret_is_in_a_message_an_error_or_a_log(
    ingest: Connection,
    ways: list[Channel],
    mails: MailServer,
    hook: Webhook,
    warehouse_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for logger in (None, "httpx", "httpcore"):  # Airflow and others may have silenced them in this process
        caplog.set_level(logging.DEBUG, logger)
    RunFailed().notify(failed())
    errors = []
    hook.status, mails.refuses = 500, True
    with pytest.raises(AlertNotSent) as error:
        send_once(ingest, ALERT, ways)
    errors.append(str(error.value))
    told = "\n".join([*(mail.as_string() for mail in mails.mails), json.dumps(hook.messages), caplog.text, *errors])
    assert "produce_daily_prices failed" in told
    warehouse_password = warehouse_settings.required("warehouse_ingest_url").split(":")[2].split("@")[0]
    for secret in (PASSWORD, TOKEN, API_KEY, warehouse_password):
        assert secret not in told


@pytest.mark.parametrize(
    ("market_day", "weekdays"),
    [
        (date(2020, 6, 14), None),  # Sunday: no session since Friday
        (date(2020, 6, 16), None),  # Tuesday: Monday may have been a holiday, and Tuesday is not over
        (date(2020, 6, 17), 3),
        (date(2020, 6, 22), 6),
    ],
)
def test_data_are_late_when_more_than_two_weekdays_brought_no_bar(market_day: date, weekdays: int | None) -> None:
    alert = late_data(FRIDAY, market_day, most_sessions=2)
    assert (alert is None) == (weekdays is None)
    if alert is not None:
        assert alert.cause == "late data: 2020-06-12"
        assert f"{weekdays} weekdays before the market date {market_day}" in alert.text


def test_late_data_can_be_switched_off_and_need_a_first_bar() -> None:
    assert late_data(FRIDAY, date(2021, 6, 17), most_sessions=0) is None
    assert late_data(None, FRIDAY, most_sessions=2) is None


def test_a_budget_under_a_tenth_is_told_once_for_each_day_of_the_api() -> None:
    alert = low_budget(BudgetState(23, 2, RESET), calls_per_day=25, percent=10)
    assert alert is not None
    assert alert.subject == "Hedge Master: 2 of 25 API calls left today"
    assert alert.cause == "budget: until 2020-06-13"
    assert low_budget(BudgetState(22, 3, RESET), calls_per_day=25, percent=10) is None
    assert low_budget(BudgetState(25, 0, RESET), calls_per_day=25, percent=0) is None
    assert low_budget(BudgetState(900, None, RESET), calls_per_day=0, percent=10) is None


def test_a_day_that_the_api_refuses_is_told_where_the_plan_has_no_daily_limit() -> None:
    alert = low_budget(BudgetState(900, 0, RESET), calls_per_day=0, percent=10)
    assert alert is not None
    assert alert.subject == "Hedge Master: no API calls left today"


def add_batch(warehouse: Connection, delivered: int, rejected: int, topic: str = "prices") -> None:
    with warehouse.cursor() as cursor:
        cursor.execute(
            """insert into market.ingest_batches (run_id, topic, started_at, finished_at, messages, delivered, new,
                changed, unchanged, superseded, rejected, rejected_by_reason, offsets)
            values ('stream_prices/one', %s, '2020-06-12', '2020-06-12', 1, %s, %s, 0, 0, 0, %s, %s, '{}')""",
            (topic, delivered, delivered - rejected, rejected, json.dumps({"high_below_low": rejected})),
        )
    warehouse.commit()


def test_rejected_rows_are_told_when_they_rise(ingest: Connection) -> None:
    """1.5% is over the limit of 1%, but no rise where 1% is usual; 5% is one. A batch of zero rows has no share."""
    for rejected in (10, 10, 15):
        add_batch(ingest, 1000, rejected)
    add_batch(ingest, 0, 0)
    assert rejected_rows(ingest, 1.0) == []
    add_batch(ingest, 1000, 50)
    add_batch(ingest, 1000, 60, topic="history")
    by_topic = {alert.cause: alert for alert in rejected_rows(ingest, 1.0)}
    assert by_topic.keys() == {"rejected rows: prices on 2020-06-12", "rejected rows: history on 2020-06-12"}
    text = by_topic["rejected rows: prices on 2020-06-12"].text
    assert "50 of 1,000 rows that stream_prices/one read from prices were rejected, 5.0% after 1.2%" in text
    assert "high_below_low 50" in text
    assert rejected_rows(ingest, 0) == []


def test_a_warehouse_in_order_gives_no_alert_and_one_that_is_late_gives_one(
    ingest: Connection, warehouse_settings: Settings
) -> None:
    add_symbols(ingest, "AAPL")
    add_answer(ingest, "AAPL", last_day=FRIDAY)
    settings = load_settings({})
    with closing(psycopg2.connect(warehouse_settings.required("warehouse_ingest_url"))) as reading:
        figures = read_figures(reading, "the api", Limits(per_day=25))
    assert causes(ingest, settings, figures, FRIDAY) == []
    assert [alert.cause for alert in causes(ingest, settings, figures, date(2020, 6, 30))] == ["late data: 2020-06-12"]
