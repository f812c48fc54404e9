"""Asks Superset the way a browser does: logs in with the form, then fetches a chart's rows as its dashboard would."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

DASHBOARD = "volatility-ranking"
_CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*?value="([^"]+)"')


class SupersetError(AssertionError):
    """Superset did not answer as the test needs; the text is its answer."""


class SupersetClient:
    """One user's session. Without a user name it stays anonymous, to see what a visitor without a log-in gets."""

    def __init__(self, base_url: str, username: str = "", password: str = "", *, seconds: float = 60) -> None:
        # A new connection for each request: where Superset refuses a request, gunicorn hangs up without a word, and the
        # next request on that connection would be the one to fail.
        self._http = httpx.Client(
            base_url=base_url, timeout=seconds, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        if username:
            try:
                self._log_in(username, password)
            except BaseException:
                self._http.close()
                raise

    def __enter__(self) -> SupersetClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def _log_in(self, username: str, password: str) -> None:
        form = {"username": username, "password": password, "csrf_token": self._csrf_token("/login/")}
        answer = self._http.post("/login/", data=form)
        if answer.status_code != httpx.codes.FOUND or "/login" in answer.headers["location"]:
            raise SupersetError(f"log-in of {username}: {answer.status_code} {answer.headers.get('location', '')}")

    def _csrf_token(self, path: str) -> str:
        """The token that every page carries; without it Superset answers any write with 400, allowed or not."""
        page = self._http.get(path, follow_redirects=True)
        token = _CSRF_TOKEN.search(page.text)
        if token is None:
            raise SupersetError(f"GET {path}: {page.status_code}, no csrf_token in {len(page.text)} characters")
        return token[1]

    def status_of(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> int:
        """The status of a request, redirects not followed: 401 or 302 to the log-in where it is not allowed."""
        headers = {} if method == "GET" else {"X-CSRFToken": self._csrf_token("/superset/welcome/")}
        return self._http.request(method, path, json=body, headers=headers).status_code

    def is_sent_to_log_in(self, path: str) -> bool:
        """True where Superset answers a page with its log-in form, or an API call with 401."""
        answer = self._http.get(path)
        if answer.is_redirect:
            return urlsplit(answer.headers["location"]).path.startswith("/login")
        return answer.status_code == httpx.codes.UNAUTHORIZED

    def charts(self) -> dict[str, dict[str, Any]]:
        """Name of each chart on the dashboard -> its settings (Superset's form data)."""
        return {chart["slice_name"]: chart["form_data"] for chart in self._get(f"/api/v1/dashboard/{DASHBOARD}/charts")}

    def chart_data(
        self, slice_name: str, filters: Mapping[str, str | Sequence[str]] | None = None
    ) -> list[dict[str, Any]]:
        """All rows of a chart, as the dashboard shows them with these filter values set; dates are epoch milliseconds.

        `filters` maps a filter's column to its value or values: `{"look_back": "2 years", "measure": "Volatility"}`.
        What is not given keeps the dashboard's own default. A paged table comes whole, as its CSV export does.
        """
        charts = self.charts()
        if slice_name not in charts:
            raise SupersetError(f"no chart {slice_name!r} on {DASHBOARD}: {', '.join(charts)}")
        form = charts[slice_name]
        dashboard = self._get(f"/api/v1/dashboard/{DASHBOARD}")
        native = [
            {"col": column, "op": "IN", "val": [value] if isinstance(value, str) else list(value)}
            for column, value in (_default_values(dashboard, form["slice_id"]) | dict(filters or {})).items()
        ]
        query = _query(form)
        query["filters"] += native
        dataset, kind = form["datasource"].split("__")
        body = {
            "datasource": {"id": int(dataset), "type": kind},
            "form_data": {**form, "extra_form_data": {"filters": native}, "dashboardId": dashboard["id"]},
            "queries": [query],
            "result_format": "json",
            "result_type": "full",
        }
        answer = self._http.post("/api/v1/chart/data", json=body)
        if not answer.is_success:
            raise SupersetError(f"{slice_name}: {answer.status_code} {answer.text[:2000]}")
        result = answer.json()["result"][0]
        if result.get("error"):
            raise SupersetError(f"{slice_name}: {result['error']}")
        rows: list[dict[str, Any]] = result["data"]
        return rows

    def _get(self, path: str) -> Any:
        answer = self._http.get(path)
        if not answer.is_success:
            raise SupersetError(f"GET {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()["result"]


def _query(form: Mapping[str, Any]) -> dict[str, Any]:
    """The query that Superset's own table and figure plugins make of a chart's settings."""
    filters = [
        {"col": item["subject"], "op": item["operator"], "val": item.get("comparator")}
        for item in form.get("adhoc_filters") or []
    ]
    if form.get("query_mode") == "raw":
        order = [json.loads(item) for item in form.get("order_by_cols") or []]
        return {"columns": form["all_columns"], "orderby": order, "row_limit": form["row_limit"], "filters": filters}
    return {"columns": [], "metrics": [form["metric"]], "filters": filters}


def _default_values(dashboard: Mapping[str, Any], chart: int) -> dict[str, list[str]]:
    """Column -> values of the filters that have a default and reach the chart."""
    metadata = json.loads(dashboard["json_metadata"])
    reaching = [f for f in metadata["native_filter_configuration"] if chart not in f["scope"]["excluded"]]
    masks = [f["defaultDataMask"]["extraFormData"].get("filters", []) for f in reaching]
    return {item["col"]: item["val"] for mask in masks for item in mask}
