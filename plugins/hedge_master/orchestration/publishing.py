"""The tasks of a run that publishes: which symbols exist; rates and splits first; the prices, chunk by chunk."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, TriggerRule, task

from hedge_master.orchestration.wiring import API_POOL

URGENT = 10  # against 1: the daily run goes before a backfill where both wait for the API


def sync_known_symbols(after: Any) -> tuple[Any, Any]:
    """Adds, behind the task `after`, the two tasks that learn which symbols exist, the first before the second."""

    @task(pool=API_POOL, priority_weight=URGENT)
    def sync_listings() -> str:
        from hedge_master.orchestration import symbol_tasks

        return symbol_tasks.sync_listings_for_the_day()

    @task(pool=API_POOL, priority_weight=URGENT)
    def sync_searched() -> str:
        from hedge_master.orchestration import symbol_tasks

        return symbol_tasks.sync_searched_for_the_day()

    listed, searched = sync_listings(), sync_searched()
    # Searches name no status, so they come after the listings, which do.
    after >> listed >> searched
    return listed, searched


def publish_planned(plan: Any, published: Asset, *, urgent: bool, complaints: tuple[Any, ...] = ()) -> None:
    """Adds, behind the task that makes `plan` (see `tasks.Plan`), the tasks that carry it out.

    Each chunk that was published emits `published`, which starts the stream. That converts to USD, so that rates come
    before the prices. `urgent` tasks go before others that wait for the API. `complaints`: what earlier tasks returned,
    for the end of the run to fail with.
    """
    weight = URGENT if urgent else 1

    @task(pool=API_POOL, priority_weight=weight)
    def sync_fx_rates() -> str:
        from hedge_master.orchestration import reference_tasks

        return reference_tasks.sync_rates_of_run()

    @task
    def list_chunks(plan: Any) -> list[dict[str, Any]]:
        return [{"market_date": plan["market_date"], "first": first, "until": until} for first, until in plan["chunks"]]

    @task(outlets=[published], map_index_template="{{ first }} to {{ until }}", pool=API_POOL, priority_weight=weight)
    def publish_payloads(market_date: str, first: int, until: int) -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.publish(market_date, first, until)

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def conclude_run(complaints: list[str]) -> str:
        from hedge_master.orchestration import tasks

        return tasks.conclude_run(complaints)

    chunks = list_chunks(plan)
    prices = publish_payloads.expand_kwargs(chunks)
    rates = sync_fx_rates()
    plan >> rates >> prices
    # Behind the rates too, which are there where the plan is: it runs where the day's budget let no price through.
    prices >> conclude_run([*complaints, rates])  # type: ignore[list-item]
