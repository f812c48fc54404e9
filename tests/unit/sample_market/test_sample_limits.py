"""The call limits: a moving second and minute, and the day of US/Eastern."""

from __future__ import annotations

from datetime import timedelta

import httpx
from sample_market_terms import OpenMarket, ServeMarket

from watch import Watch


def test_the_second_moves_with_the_calls() -> None:
    """Two a second: calls at 0.0 and 0.9 s pass, so at 1.5 s only the first is forgotten, and one more passes."""
    watch = Watch()
    limits = watch.limits(second=2)
    assert limits.refusal("k") is None
    watch.milliseconds += 900
    assert limits.refusal("k") is None
    watch.milliseconds += 50
    refused = limits.refusal("k")
    assert refused is not None and "(2 requests per second)" in refused["Information"]
    watch.milliseconds += 550
    assert limits.refusal("k") is None
    assert limits.refusal("k") is not None


def test_the_minute_holds_where_the_second_would_let_pass() -> None:
    watch = Watch()
    limits = watch.limits(second=5, minute=3)
    for _ in range(3):
        assert limits.refusal("k") is None
        watch.milliseconds += 2_000
    refused = limits.refusal("k")
    assert refused is not None and "(3 requests per minute)" in refused["Information"]
    watch.milliseconds += 60_000
    assert limits.refusal("k") is None


def test_the_day_ends_at_midnight_in_new_york() -> None:
    """In June that is 04:00 UTC: 03:59 belongs to yesterday's 2 calls, 04:00 is a new day."""
    watch = Watch("2026-06-15T03:58:00")
    limits = watch.limits(day=2)
    assert limits.refusal("k") is None
    assert limits.refusal("k") is None
    watch.milliseconds += 60_000
    assert limits.refusal("k") is not None
    watch.milliseconds += 60_000
    assert limits.refusal("k") is None


def test_no_limit_is_no_limit() -> None:
    limits = Watch().limits()
    assert all(limits.refusal("k") is None for _ in range(2_000))


def test_the_daily_notice_comes_with_200_as_json_and_echoes_the_key(open_market: OpenMarket) -> None:
    market = open_market(limits=Watch().limits(day=1))
    call = {"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "datatype": "csv", "apikey": "SECRET123"}
    assert market.get("/query", params=call).text.startswith("timestamp,")
    refused = market.get("/query", params=call)
    assert refused.status_code == 200
    assert refused.headers["content-type"] == "application/json"
    assert list(refused.json()) == ["Information"]
    assert "SECRET123 and our standard API rate limit is 1 requests per day" in refused.json()["Information"]


def test_a_refused_call_spends_nothing_of_the_day(open_market: OpenMarket) -> None:
    """One a second, two a day: the call refused for its pace leaves the second call of the day to be made."""
    watch = Watch()
    limits = watch.limits(second=1, day=2)
    assert limits.refusal("k") is None
    assert "per second" in str(limits.refusal("k"))
    watch.milliseconds += 1_001
    assert limits.refusal("k") is None
    watch.milliseconds += 1_001
    assert "2 requests per day" in str(limits.refusal("k"))


def test_clock_and_health_are_not_limited(open_market: OpenMarket) -> None:
    market = open_market(limits=Watch().limits(second=1, minute=1, day=1))
    for _ in range(3):
        assert market.get("/health").json()["status"] == "ok"
        assert market.get("/clock").status_code == 200


def test_a_free_key_over_three_days(serve_market: ServeMarket) -> None:
    """25 a day, one a second: the 26th call of each day is refused, and answered once it is midnight in New York.

    The test owns the server's clocks; in June midnight there is 04:00 UTC.
    """
    watch = Watch("2026-06-15T12:00:00")
    address = serve_market(limits=watch.limits(second=1, day=25))
    call = {"function": "TIME_SERIES_DAILY", "symbol": "SIM000", "apikey": "SECRET123"}
    with httpx.Client(base_url=address, params=call) as client:
        for day in (15, 16, 17):
            for _ in range(25):
                assert "Time Series (Daily)" in client.get("/query").json()
                watch.pass_by(timedelta(seconds=1, milliseconds=1))
            for _ in range(2):
                refused = client.get("/query").json()["Information"]
                assert "SECRET123 and our standard API rate limit is 25 requests per day" in refused
                watch.pass_by(timedelta(minutes=1))
            watch.go_to(f"2026-06-{day + 1}T03:59:58")
            assert "25 requests per day" in client.get("/query").json()["Information"]
            watch.pass_by(timedelta(seconds=2))


def test_a_free_key_is_told_to_go_slower_and_loses_no_call_of_its_day(serve_market: ServeMarket) -> None:
    watch = Watch()
    address = serve_market(limits=watch.limits(second=1, day=2))
    call = {"function": "SPLITS", "symbol": "SIM000", "apikey": "k"}
    with httpx.Client(base_url=address, params=call) as client:
        assert list(client.get("/query").json()) == ["symbol", "data"]
        assert "(1 request per second)" in client.get("/query").json()["Information"]
        watch.pass_by(timedelta(seconds=1, milliseconds=1))
        assert list(client.get("/query").json()) == ["symbol", "data"]
