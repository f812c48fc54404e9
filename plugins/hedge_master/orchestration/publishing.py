"""The tasks that DAGs share: which symbols exist; then rates and splits first, and the prices, chunk by chunk."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, TriggerRule, task

from hedge_master.orchestration.wiring import API_POOL


def sync_known_symbols(after: Any = None) -> Any:
    """Adds, behind the task `after`, the tasks that learn which symbols exist; returns the last of them."""

    @task(pool=API_POOL)
    def sync_listings() -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.sync_listings()

    @task(pool=API_POOL)
    def sync_searched(params: Any = None) -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.sync_searched(params.get("keywords") or [])

    listed = sync_listings()
    if after is not None:
        after >> listed
    # Searches name no status, so they come after the listings, which do.
    return listed >> sync_searched()


def publish_planned(plan: Any, published: Asset, *, every_split: bool, urgent: bool) -> None:
    """Adds, behind the task that makes `plan` (see `tasks.Plan`), the tasks that carry it out.

    Each chunk that was published emits `published`, which starts the stream. That converts to USD and the models adjust
    for splits, so that rates and splits come before the prices. `every_split`: ask for the splits of all planned
    symbols, whatever the day's budget. `urgent` tasks go before others that wait for the API.
    """
    weight = 10 if urgent else 1

    @task
    def load_fx_rates() -> int:
        from hedge_master.orchestration import tasks

        return tasks.load_fx_rates()

    @task(pool=API_POOL, priority_weight=weight)
    def sync_splits() -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.sync_planned_splits(every_split)

    @task
    def list_chunks(plan: Any) -> list[dict[str, Any]]:
        return [{"market_date": plan["market_date"], "first": first, "until": until} for first, until in plan["chunks"]]

    @task(outlets=[published], map_index_template="{{ first }} to {{ until }}", pool=API_POOL, priority_weight=weight)
    def publish_payloads(market_date: str, first: int, until: int) -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.publish(market_date, first, until)

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def conclude_run() -> str:
        from hedge_master.orchestration import tasks

        return tasks.conclude_run()

    chunks = list_chunks(plan)
    prices = publish_payloads.expand_kwargs(chunks)
    plan >> [load_fx_rates(), sync_splits()] >> prices
    # Also behind the list, which is there where the plan is: it runs where the day's budget let no price through.
    [chunks, prices] >> conclude_run()
