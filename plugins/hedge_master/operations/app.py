"""The page "Hedge Master" as an app that Airflow's api-server mounts. Reads only; every route checks the user.

Airflow does not protect a plugin's app: without the dependency below, everyone on the network could read it.
"""

from __future__ import annotations

from collections.abc import Callable

import psycopg2
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from hedge_master.ingestion.budget import Limits
from hedge_master.operations.figures import Figures, read_figures
from hedge_master.operations.freshness import RELOAD_SECONDS, FreshFigures
from hedge_master.operations.page import render, render_silence
from hedge_master.settings import load_settings
from hedge_master.warehouse.connection import connect

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}


def operations_app(read: Callable[[], Figures] | None = None) -> FastAPI:
    """The app; whoever may see Airflow's cluster activity, as its role Viewer does, may see the page.

    Who is not logged in gets 401, who may not see it 403. `read` is for tests.
    """
    figures = FreshFigures(read or _read)
    app = FastAPI(
        title="Hedge Master",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(requires_access_view(AccessView.CLUSTER_ACTIVITY))],
    )

    @app.get("/")
    def page() -> HTMLResponse:
        try:
            return HTMLResponse(render(figures.get(), RELOAD_SECONDS), headers=HEADERS)
        except psycopg2.Error as error:  # its text may name hosts and users: the api-server's log has it
            text = render_silence(type(error).__name__, RELOAD_SECONDS)
            return HTMLResponse(text, status_code=503, headers=HEADERS)

    return app


def _read() -> Figures:
    from airflow.sdk import BaseHook

    settings = load_settings()
    with connect(BaseHook.get_connection("hm_warehouse").get_uri(), "hedge_master page") as warehouse:
        return read_figures(warehouse, settings.alpha_vantage_url, Limits(*settings.request_limits))
