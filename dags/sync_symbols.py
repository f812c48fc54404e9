"""Learn which symbols exist: US listings by LISTING_STATUS, all other markets by SYMBOL_SEARCH.

**What it does.** Adds symbols that are new, updates what changed (name, type, region, currency, delisted). Never
deletes: a ticker that was given to another company keeps the former one as "TICKER (until DAY)". The daily run does
the same first; the full history of a new symbol comes with the next `backfill_price_history`.

**What it costs.** Two calls for the listings, one for each search keyword; a keyword with 10 matches is refined by one
more digit, which costs ten more.

**When it fails.** Run it again: safe at any time. "requests per day" in the log means that the plan's day is spent.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from hedge_master.orchestration.publishing import sync_known_symbols
from hedge_master.orchestration.wiring import DEFAULTS, START, Tag

with DAG(
    dag_id="sync_symbols",
    description="Which symbols exist: listings and searches into market.symbols",
    doc_md=__doc__,
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    tags=[Tag.INGESTION, Tag.ON_DEMAND],
    params={
        "keywords": Param(
            None,
            type=["null", "array"],
            items={"type": "string", "minLength": 1},
            title="Search keywords",
            description="One a line. Leave empty for those of HM_SYMBOL_SEARCH_KEYWORDS.",
        )
    },
):
    sync_known_symbols()
