"""The tasks that DAGs share: which symbols exist; then rates and splits first, and the prices, chunk by chunk."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, task


def sync_known_symbols(after: Any = None) -> Any:
    """Adds, behind the task `after`, the tasks that learn which symbols exist; returns the last of them."""

    @task
    def sync_listings() -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.sync_listings()

    @task
    def sync_searched(params: Any = None) -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.sync_searched(params.get("keywords") or [])

    listed = sync_listings()
    if after is not None:
        after >> listed
    # Searches name no status, so they come after the listings, which do.
    return listed >> sync_searched()


def publish_planned(plan: Any, outputsize: str, published: Asset) -> None:
    """Adds, behind the task that makes `plan` (see `tasks.Plan`), the tasks that carry it out.

    `outputsize` is compact or full; each chunk that was published emits `published`, which starts the stream. That
    converts to USD and the models adjust for splits, so that rates and splits come before the prices.
    """

    @task
    def load_fx_rates(plan: Any) -> int:
        from hedge_master.orchestration import tasks

        return tasks.load_fx_rates(plan)

    @task
    def sync_splits(plan: Any) -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.sync_splits(plan)

    @task
    def list_chunks(plan: Any) -> list[dict[str, Any]]:
        return [{"market_date": plan["market_date"], "chunk": chunk} for chunk in plan["chunks"]]

    @task(outlets=[published])
    def publish_payloads(market_date: str, chunk: list[str]) -> dict[str, int]:
        from hedge_master.orchestration import tasks

        return tasks.publish(outputsize, market_date, chunk)

    [load_fx_rates(plan), sync_splits(plan)] >> publish_payloads.expand_kwargs(list_chunks(plan))
