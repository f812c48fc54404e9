"""The page "Hedge Master" in Airflow's UI: how far ingestion is, what is late, what was rejected.

Airflow imports this file in each of its processes, so nothing heavy is imported before the page is asked for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/hedge-master"

Asgi = Callable[[MutableMapping[str, Any], Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class Page:
    """The page's app, made at its first request, which only an api-server gets. It checks the user in each route."""

    @cached_property
    def _app(self) -> Asgi:
        from hedge_master.operations.app import operations_app

        return operations_app()

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]
    ) -> None:
        await self._app(scope, receive, send)


class HedgeMasterPlugin(AirflowPlugin):
    name = "hedge_master"
    fastapi_apps = [{"name": "Hedge Master", "app": Page(), "url_prefix": PREFIX}]  # noqa: RUF012 (Airflow's way)
    external_views = [  # noqa: RUF012
        {"name": "Hedge Master", "href": f"{PREFIX}/", "url_route": "hedge-master", "nav_top_level": True}
    ]
