"""`make demo`: the stack up, the pipeline once from end to end, the ranking, and where to look."""

from __future__ import annotations

from datetime import date

from psycopg2.extensions import connection as Connection

from hedge_master.local_stack.airflow_api import AirflowApi
from hedge_master.local_stack.pipeline import DAILY, Pipeline
from hedge_master.local_stack.progress import console
from hedge_master.local_stack.stack import Stack
from hedge_master.local_stack.stamps import fingerprint, is_done, mark_done
from hedge_master.local_stack.start import start
from hedge_master.local_stack.warehouse_figures import accounts, bars_stored, has_provisional_bars, warehouse
from hedge_master.sample_market.moment import Moment
from hedge_master.settings import REPO_ROOT

RANKED = 10
STAMP = "pipeline"
SOURCES = (".py", ".sql", ".yml")
LOOK_BACK = "1y"


def demo(stack: Stack) -> None:
    """Raises StackError where a service or a run fails."""
    start(stack)
    with airflow(stack) as api, warehouse(stack) as session:
        if (stands_at := already_published(stack, api, session)) is not None:
            console.print(f"The ranking stands at {stands_at}, as the market does: there is nothing to run.")
        else:
            Pipeline(api, lambda: bars_stored(session)).run_whole()
            mark_done(stack.folders, STAMP, code_fingerprint())
        rows = accounts(session)
    show_ranking(stack)
    console.print("Rows: {delivered:,} delivered = {new:,} new + {changed:,} changed + {unchanged:,} unchanged "
                  "+ {superseded:,} superseded + {rejected:,} rejected".format(**rows))  # fmt: skip
    show_addresses(stack)


def already_published(stack: Stack, api: AirflowApi, session: Connection) -> date | None:
    """The market date of the ranking, where a whole run of this very code has published it, the market stands at the
    end of that day, its last daily run brought everything, and no bar is provisional.

    Only the sample market's clock tells that; a real market has always moved on.
    """
    if not stack.settings.uses_sample_market or not is_done(stack.folders, STAMP, code_fingerprint()):
        return None
    from hedge_master.ranking import RankingError, published_as_of
    from hedge_master.sample_market.clock_client import clock

    try:
        published = published_as_of(stack.settings.required("warehouse_reader_url")).market_date
    except RankingError:  # nothing was published yet
        return None
    if clock(stack.settings.sample_market_url).moment != Moment(published) or has_provisional_bars(session):
        return None
    return published if all(run.state == "success" for run in api.runs(DAILY, limit=1)) else None


def code_fingerprint() -> str:
    """What the pipeline is made of: another model or job makes the demo run again."""
    folders = ("dags", "dbt_project", "plugins/hedge_master", "spark_jobs")
    files = (file for folder in folders for file in (REPO_ROOT / folder).rglob("*") if file.suffix in SOURCES)
    return fingerprint(files=[file for file in files if "target" not in file.parts])


def airflow(stack: Stack) -> AirflowApi:
    address = f"http://127.0.0.1:{stack.settings.airflow_port}"
    return AirflowApi(address, "operator", stack.secret("AIRFLOW_OPERATOR_PASSWORD"))


def show_ranking(stack: Stack) -> None:
    """The symbols that move most, read as the dashboards read them."""
    from hedge_master.ranking import Question, left_out, published_as_of, top
    from hedge_master.ranking_table import ranking_table

    reader_url = stack.settings.required("warehouse_reader_url")
    question = Question(LOOK_BACK)
    end = published_as_of(reader_url).market_date
    console.print(ranking_table(top(reader_url, question, RANKED), question, end, left_out(reader_url, question)))


def show_addresses(stack: Stack) -> None:
    settings = stack.settings
    lines = [
        ("Superset", f"http://127.0.0.1:{settings.superset_port}", "admin, analyst", "HM_SECRET_SUPERSET_*_PASSWORD"),
        (
            "Airflow",
            f"http://127.0.0.1:{settings.airflow_port}",
            "admin, operator, viewer",
            "HM_SECRET_AIRFLOW_*_PASSWORD",
        ),
    ]
    for name, address, users, passwords in lines:
        console.print(f"{name:<9} {address:<24} users {users}: passwords {passwords}")
    console.print(
        f"The passwords stand in {stack.folders.secrets_file}; `make next-day` lets a trading day go by, `make status` "
        "shows what runs, `make down` stops it."
    )
