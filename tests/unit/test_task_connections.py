"""What a task does with an error of the API: the same for every function that it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from hedge_master.alpha_vantage import errors
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.orchestration import connections
from hedge_master.settings import load_settings


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connection hm_alpha_vantage has a key, and no call is counted."""

    @contextmanager
    def budget() -> Iterator[NoLimit]:
        yield NoLimit()

    settings = load_settings({})
    monkeypatch.setattr(connections, "budget", budget)
    monkeypatch.setattr(connections, "load_settings", lambda: settings)
    monkeypatch.setattr(connections.BaseHook, "get_connection", lambda _name: SimpleNamespace(password="KEY"))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.KeyRefused("SPLITS A: invalid"), "KeyRefused: SPLITS A: invalid: mend HM_ALPHA_VANTAGE_API_KEY"),
        (errors.ArtificialRows("SPLITS A: invented"), "ArtificialRows: SPLITS A: invented: buy a plan"),
        (errors.HttpRefused("SPLITS A: HTTP 403"), "HttpRefused: SPLITS A: HTTP 403: never ask this again"),
        (errors.UnknownNotice("SPLITS A: hm"), "UnknownNotice: SPLITS A: hm: ask again tomorrow"),
    ],
)
def test_what_no_retry_can_mend_fails_the_task_at_once(error: errors.AlphaVantageError, told: str) -> None:
    with pytest.raises(AirflowFailException, match=told), connections.alpha_vantage():
        raise error


def test_a_fault_that_may_pass_leaves_the_task_its_retries() -> None:
    with pytest.raises(errors.ServerFault), connections.alpha_vantage():
        raise errors.ServerFault("SPLITS A: HTTP 500")
