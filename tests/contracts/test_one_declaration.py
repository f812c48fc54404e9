"""One fact, one declaration: where a copy cannot be helped, the copies are compared here."""

from __future__ import annotations

import ast
import re

from psycopg2.extensions import connection as Connection

from hedge_master.ingestion.redrive import REDRIVE_STAGING
from hedge_master.ingestion.rejections import ANSWERED_BY_THE_MESSAGE
from hedge_master.ingestion.topics import TOPICS
from hedge_master.local_stack.dashboard_page import CHROMIUM_NAMES
from hedge_master.orchestration import wiring
from hedge_master.ranking import Measure
from hedge_master.settings import REPO_ROOT

DBT = REPO_ROOT / "dbt_project"


def test_python_dbt_and_superset_know_the_same_measures() -> None:
    macro = (DBT / "macros" / "measures.sql").read_text()
    in_dbt = re.findall(r"^\s+'(\w+)': '\w+',$", macro, flags=re.MULTILINE)
    template = (REPO_ROOT / "superset_config" / "assets" / "sql" / "ranked.sql").read_text()
    in_superset = re.search(r"set measures = \{(.*?)\}", template, flags=re.DOTALL)
    assert in_superset is not None
    assert set(in_dbt) == set(Measure)
    assert set(re.findall(r": '(\w+)'", in_superset[1])) == set(Measure)


def test_the_stream_writes_the_columns_of_its_staging_tables(ingest: Connection) -> None:
    job = (REPO_ROOT / "spark_jobs" / "price_messages.py").read_text()
    declared = job[job.index("STAGED = ") : job.index("KNOWN = ")]
    prices = ("open", "high", "low", "close")
    written = re.findall(r'StructField\("(\w+)"', declared)
    written[written.index("day") + 1 : written.index("day") + 1] = prices
    for staging in (*(topic.staging for topic in TOPICS), REDRIVE_STAGING):
        with ingest.cursor() as cursor:
            cursor.execute(f"select * from {staging} limit 0")
            assert [column.name for column in cursor.description or ()] == written


def test_the_rules_that_ask_for_the_whole_message_are_rules_of_the_stream() -> None:
    job = (REPO_ROOT / "spark_jobs" / "price_messages.py").read_text()
    rules = re.findall(r'^\s+\(?"(\w+)",', job[job.index("rules = (") :], flags=re.MULTILINE)
    assert "price_not_positive" in rules
    assert set(ANSWERED_BY_THE_MESSAGE) <= set(rules)


def test_the_assets_are_named_after_the_topics() -> None:
    published = {wiring.DAILY_PRICES_PUBLISHED.uri, wiring.PRICE_HISTORY_PUBLISHED.uri}
    assert published == {f"x-kafka://{topic.name}" for topic in TOPICS}


def test_no_module_is_named_like_one_that_it_could_hide() -> None:
    """dbt imports any top-level dbt_*; spark-submit puts spark_jobs/ first on the path."""
    assert not list((REPO_ROOT / "plugins").glob("dbt_*"))
    assert not (DBT / "__init__.py").exists()
    libraries = {"pyspark", "pyarrow", "pandas", "json", "typing", "logging", "types", "kafka"}
    assert not {path.stem for path in (REPO_ROOT / "spark_jobs").glob("*.py")} & libraries


def test_the_set_up_and_the_browser_test_look_for_the_same_browsers() -> None:
    """The set-up runs before hedge_master can be imported, so the names stand twice."""
    names = re.search(
        r"^NAMES = (\(.*\))$", (REPO_ROOT / "docker/local/provision/browser.py").read_text(), re.MULTILINE
    )
    assert names is not None
    assert ast.literal_eval(names[1]) == CHROMIUM_NAMES
