"""The page "Hedge Master" as an app that Airflow's api-server mounts. Reads only; every route checks the user.

Airflow does not protect a plugin's app: without the dependency below, everyone on the network could read it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

import psycopg2
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from hedge_master.ingestion.budget import Limits
from hedge_master.operations.figures import Figures, read_figures
from hedge_master.operations.page import render, render_silence
from hedge_master.settings import load_settings
from hedge_master.warehouse.connection import connect

# A page reloads itself, and figures are read anew when they are older than this: together at most 30 s.
FRESH_SECONDS = 10
RELOAD_SECONDS = 15

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}


class FreshFigures:
    """Figures that are at most FRESH_SECONDS old, read once for all who look."""

    def __init__(self, read: Callable[[], Figures], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = Lock()
        self._kept: tuple[float, Figures] | None = None

    def get(self) -> Figures:
        with self._lock:
            now = self._clock()
            if self._kept is None or now - self._kept[0] > FRESH_SECONDS:
                self._kept = (now, self._read())
            return self._kept[1]


def operations_app(read: Callable[[], Figures] | None = None) -> FastAPI:
    """The app; whoever may see Airflow's cluster activity, as its role Viewer does, may see the page.

    Anyone who is not logged in gets 401, also from the address of no page.
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
