"""Learn which symbols exist: US listings by LISTING_STATUS, all other markets by SYMBOL_SEARCH.

**What it does.** Adds symbols that are new, updates what changed (name, type, region, currency, exchange, delisted) and
keeps what it was in `market.symbol_revisions`. Never deletes: a ticker that was given to another company keeps the
former one as "TICKER (until DAY)". The daily run does the same first, with the keywords of HM_SYMBOL_SEARCH_KEYWORDS;
the full history of a new symbol comes with the next `backfill_price_history`.

**What it costs.** Two calls for the listings, one for each search keyword. An answer with 10 matches may hide others
and is asked again with one more character: 10 calls more for a given keyword, 36 for a generated one. *Generate* finds
what no given keyword finds; up to 3 characters it can take tens of thousands of calls, so begin with fewer.

**When it fails.** Run it again: safe at any time. A run that is cut off, or whose day's calls are spent (then
`report_left` is skipped and says how many are left), goes on where it stopped: within *ask again after* no generated
keyword is asked twice, and of the given ones those come first that were not asked for longest. "neither active nor
delisted any more" means that the API sent half a list; nothing was stored. See `market.api_calls` for what it said.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from hedge_master.alerts.notifier import RunFailed
from hedge_master.ingestion.searches import Generate
from hedge_master.orchestration.wiring import API_POOL, DEFAULTS, START, Tag

with DAG(
    dag_id="sync_symbols",
    description="Which symbols exist: listings and searches into market.symbols",
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    on_failure_callback=RunFailed(),
    tags=[Tag.INGESTION, Tag.ON_DEMAND],
    params={
        "keywords": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "minLength": 1},
            title="Search keywords",
            description="One a line, one call each; a full answer costs ten more. Leave empty for those of "
            "HM_SYMBOL_SEARCH_KEYWORDS, or for generated ones only.",
        ),
        "generate": Param(
            Generate.NOTHING.value,
            type="string",
            enum=[each.value for each in Generate],
            title="Generate keywords",
            description="Calls before full answers are refined: digits 10, letters 26, letters and digits 36, pairs of "
            "letters 676.",
        ),
        "deepest": Param(
            2,
            type="integer",
            minimum=1,
            maximum=5,
            title="Refine up to",
            description="Characters of a generated keyword. Each full answer costs 36 calls more until it has as many: "
            "letters take at most 26 calls with 1, 962 with 2, 34,658 with 3.",
        ),
        "again_after_days": Param(
            30,
            type="integer",
            minimum=0,
            maximum=365,
            title="Ask again after",
            description="Days in which a generated keyword that has its answer is not asked again; costs nothing. 0 "
            "asks all of them anew, except those that this run has asked.",
        ),
        "most_lost_percent": Param(
            20,
            type="integer",
            minimum=0,
            maximum=100,
            title="Accepted loss",
            description="Percent of the known US listings that may be neither active nor delisted any more; an "
            "answer that lacks more is refused.",
        ),
    },
):

    @task(pool=API_POOL)
    def sync_listings(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import symbol_tasks

        return symbol_tasks.sync_listings(params["most_lost_percent"])

    @task(pool=API_POOL)
    def sync_searched(params: dict) -> dict[str, int]:
        from hedge_master.orchestration import symbol_tasks

        return symbol_tasks.sync_searched(params)

    @task
    def report_left(listed: dict, searched: dict) -> str:
        from hedge_master.orchestration import symbol_tasks

        return symbol_tasks.report_left(listed, searched)

    listed, searched = sync_listings(), sync_searched()
    # Searches name no status, so they come after the listings, which do.
    listed >> searched
    report_left(listed, searched)
