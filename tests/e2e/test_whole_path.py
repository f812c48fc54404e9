"""The whole path once, on real parts: sample market, Kafka, Spark, Postgres, dbt, Superset, all started by Airflow."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from demo_stack import Demo
from superset_client import SupersetClient

from hedge_master.ingestion.topics import TOPICS
from hedge_master.local_stack.airflow_api import AirflowApi

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

ACCOUNTS = re.compile(
    r"Rows: ([\d,]+) delivered = ([\d,]+) new \+ ([\d,]+) changed \+ ([\d,]+) unchanged \+ ([\d,]+) superseded "
    r"\+ ([\d,]+) rejected"
)
Row = tuple[str, float]
DAILY = "produce_daily_prices"
HISTORY = "backfill_price_history"


def airflow_of(demo: Demo) -> AirflowApi:
    return AirflowApi(f"http://127.0.0.1:{demo.port('AIRFLOW')}", "operator", demo.secret("AIRFLOW_OPERATOR_PASSWORD"))


def ranked_by_hm(demo: Demo, measure: str = "volatility", look_back: str = "1y") -> list[Row]:
    told = demo.hm("ranking", "--format", "json", "--limit", "10", "--measure", measure, "--look-back", look_back)
    assert told.returncode == 0, told.stderr
    return [(row["symbol"], row["value"]) for row in json.loads(told.stdout)]


def accounts(printed: str) -> list[int]:
    found = ACCOUNTS.search(printed)
    assert found is not None, printed
    return [int(number.replace(",", "")) for number in found.groups()]


def messages_in_kafka(demo: Demo) -> dict[str, int]:
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{demo.port('KAFKA')}", "group.id": "test"})
    try:
        counts = {}
        for topic in TOPICS:
            partitions = consumer.list_topics(topic.name, timeout=30).topics[topic.name].partitions
            marks = [consumer.get_watermark_offsets(TopicPartition(topic.name, each)) for each in partitions]
            counts[topic.name] = sum(high - low for low, high in marks)
        return counts
    finally:
        consumer.close()


def test_the_demo_ends_with_the_ranking_the_accounts_and_the_addresses(demo: Demo, first_run: str) -> None:
    assert "Top 10 by volatility over 1y up to 2020-06-12" in first_run
    delivered, *classes = accounts(first_run)
    assert delivered == sum(classes)
    assert classes[0] > 50_000
    for name in ("SUPERSET", "AIRFLOW"):
        assert f"http://127.0.0.1:{demo.port(name)}" in first_run
    secrets = (demo.home / "secrets.env").read_text().splitlines()
    values = [line.partition("=")[2].strip("'\"") for line in secrets if line.startswith("HM_SECRET_")]
    assert len(values) > 5
    assert not [value for value in values if value and value in first_run]


def test_hm_and_sql_and_superset_give_the_same_ten(demo: Demo, first_run: str) -> None:
    address = f"http://127.0.0.1:{demo.port('SUPERSET')}"
    with SupersetClient(address, "analyst", demo.secret("SUPERSET_ANALYST_PASSWORD")) as superset:
        for measure, label, look_back, length in (
            ("volatility", "Volatility", "1y", "1 year"),
            ("price_deviation", "Deviation USD", "2y", "2 years"),
        ):
            by_hm = ranked_by_hm(demo, measure, look_back)
            assert len(by_hm) == 10
            asked = f"select symbol, value from marts.ranking(interval '{length}', '{measure}')"
            by_sql = demo.ask(f"{asked} where rank <= 10 order by rank", role="READER")
            chart = superset.chart_data("Volatility ranking", {"look_back": length, "measure": label})
            assert by_sql == by_hm
            assert [(row["symbol"], row["value"]) for row in chart[:10]] == by_hm


def test_every_message_and_every_row_is_accounted_for(demo: Demo, first_run: str) -> None:
    published = dict(
        demo.ask(  # type: ignore[arg-type]
            """select topic, count(*)::int from market.api_calls
            where function = 'TIME_SERIES_DAILY' and outcome = 'published' group by topic"""
        )
    )
    # The daily run asks for nothing where the backfill beside it was faster.
    assert {topic: count for topic, count in messages_in_kafka(demo).items() if count} == published
    assert demo.ask("select count(*) from market.prices") == demo.ask(
        "select sum(new)::bigint from market.ingest_batches"
    )
    ((open_calls,),) = demo.ask("select count(*) from market.api_calls where outcome in ('asked', 'failed', 'refused')")
    assert open_calls == 0


def test_prices_are_those_that_the_market_quotes(demo: Demo, first_run: str) -> None:
    """AAPL's last real close before the clock, from the wheel's own data: 338.80 on 2020-06-12 (raw, before 4:1)."""
    rows = demo.ask(
        """select close from market.prices join market.symbols using (symbol_id)
        where symbol = 'AAPL' and day = '2020-06-12'"""
    )
    assert rows == [(338.8,)]


def test_nobody_sees_anything_without_a_log_in(demo: Demo, first_run: str) -> None:
    with SupersetClient(f"http://127.0.0.1:{demo.port('SUPERSET')}") as visitor:
        assert visitor.is_sent_to_log_in("/superset/dashboard/volatility-ranking/")
        assert visitor.status_of("GET", "/api/v1/chart/") == 401
    answer = httpx.get(f"http://127.0.0.1:{demo.port('AIRFLOW')}/api/v2/dags", trust_env=False)
    assert answer.status_code == 401


def test_the_api_key_stands_in_no_log(demo: Demo, first_run: str) -> None:
    key = demo.secret("SAMPLE_MARKET_API_KEY").encode()
    logs = [path for folder in ("logs", "airflow") for path in (demo.home / folder).rglob("*.log")]
    assert len(logs) > 10
    assert [str(path) for path in logs if key in path.read_bytes()] == []


def test_the_market_clock_only_goes_forward(demo: Demo, first_run: str) -> None:
    assert demo.hm("market-clock", "show").stdout.strip() == "2020-06-12"
    refused = demo.hm("market-clock", "set", "2020-06-11")
    assert refused.returncode != 0
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "2020-06-12" in refused.stderr


def test_status_tells_services_runs_and_dates(demo: Demo, first_run: str) -> None:
    told = demo.hm("status")
    assert told.returncode == 0, told.stdout + told.stderr
    for name in (
        "postgres",
        "kafka",
        "superset",
        "airflow-scheduler",
        "stream_prices",
        "build_volatility",
        "2020-06-12",
    ):
        assert name in told.stdout


def test_a_build_that_fails_its_tests_is_not_published(demo: Demo, first_run: str) -> None:
    """A stored bar with high below low: dbt's test fails, the run with it, and the ranking stays what it was."""
    before = demo.ask("select built_at from marts.as_of", role="READER"), ranked_by_hm(demo)
    newest = "select symbol_id, day from market.prices order by day desc, symbol_id limit 1"
    day = f"(symbol_id, day) = ({newest})"
    ((high,),) = demo.ask(f"update market.prices set high = high / 2 where {day} returning high * 2")
    try:
        with airflow_of(demo) as api:
            run_id = api.trigger("build_volatility")
            deadline = time.monotonic() + 600
            while (run := api.run("build_volatility", run_id)).is_active:
                assert time.monotonic() < deadline, "build_volatility did not end"
                time.sleep(2)
            states = {task.task_id: task.state for task in api.task_states("build_volatility", run_id)}
        assert run.state == "failed", states
        assert states["publish_marts"] != "success"
        assert (demo.ask("select built_at from marts.as_of", role="READER"), ranked_by_hm(demo)) == before
    finally:
        demo.ask(f"update market.prices set high = {high!r} where {day} returning 1")


def test_the_first_demo_makes_one_run_of_each_dag(demo: Demo, first_run: str) -> None:
    """Airflow does not make up for the last 22:25 when the daily run is switched on."""
    with airflow_of(demo) as api:
        runs = {dag_id: len(api.runs(dag_id)) for dag_id in ("sync_symbols", HISTORY, DAILY)}
    assert runs == {"sync_symbols": 1, HISTORY: 1, DAILY: 1}


def test_the_same_day_read_again_brings_no_new_row(demo: Demo, first_run: str) -> None:
    """No market has closed a session since: the daily run asks little. A refresh of histories buys the rows again."""
    before = ranked_by_hm(demo)
    stored = demo.ask("select count(*) from market.prices")
    with airflow_of(demo) as api:
        ((batch,),) = demo.ask("select max(batch_id) from market.ingest_batches")
        again = f"""select sum(new)::int, sum(changed)::int, sum(unchanged)::int from market.ingest_batches
            where batch_id > {batch}"""
        run_ids = {DAILY: api.trigger(DAILY), HISTORY: api.trigger(HISTORY, {"refresh": True, "limit": 6})}
        deadline = time.monotonic() + 600
        while any(api.run(*each).is_active for each in run_ids.items()) or demo.ask(again) == [(None, None, None)]:
            assert time.monotonic() < deadline, "a run has not ended, or nothing was merged"
            time.sleep(1)
        assert [api.run(*each).state for each in run_ids.items()] == ["success", "success"]
    ((new, changed, unchanged),) = demo.ask(again)
    assert (new, changed) == (0, 0)
    assert unchanged > 1_000
    assert demo.ask("select count(*) from market.prices") == stored
    assert ranked_by_hm(demo) == before
    assert demo.hm("market-clock", "show").stdout.strip() == "2020-06-12"


def test_down_leaves_no_process_and_the_next_demo_has_nothing_to_run(demo: Demo, first_run: str) -> None:
    before = ranked_by_hm(demo)
    stored = demo.ask("select count(*) from market.prices")
    stopped = demo.run("down")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert demo.processes() == []
    again = demo.finished("demo")
    assert "The ranking stands at 2020-06-12" in again
    assert demo.ask("select count(*) from market.prices") == stored
    assert accounts(again)[1] == stored[0][0]  # all that was ever new: nothing came anew
    assert ranked_by_hm(demo) == before


def test_secrets_are_for_their_owner_only(demo: Demo, first_run: str) -> None:
    assert (demo.home / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert Path(demo.home).stat().st_mode & 0o077 == 0
