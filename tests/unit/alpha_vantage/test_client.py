"""The client over real HTTP, against a server that plays its part line by line."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hedge_master.alpha_vantage import errors
from hedge_master.alpha_vantage.client import AlphaVantageClient

KEY = "SECRETKEY123"
SERIES = b'{"Meta Data": {"2. Symbol": "A"}, "Time Series (Daily)": {}}'
Script = list[tuple[int, bytes]]


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts a server that gives the scripted answers in turn (the last one for ever); returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(script: Script, date: str | None = None) -> str:
        answers = list(script)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.server.asked.append(parse_qs(urlsplit(self.path).query))  # type: ignore[attr-defined]
                self.send_response_only(status)
                self.send_header("Date", date or self.date_time_string())
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = []  # type: ignore[attr-defined]
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without their pauses."""
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)


def test_the_raw_body_comes_back_untouched(serve: Callable[..., str]) -> None:
    with AlphaVantageClient(serve([(200, SERIES)]), KEY) as client:
        answer = client.daily_prices("A", "compact")
    assert answer.body == SERIES
    assert answer.requested_at.tzinfo is not None
    assert abs(answer.market_time - answer.requested_at) < timedelta(
        minutes=1
    )  # the server's Date: this machine's clock


def test_the_time_of_an_answer_is_the_far_ends(serve: Callable[..., str]) -> None:
    """The sample market lives in 2020 and says so in the standard header."""
    date = "Mon, 15 Jun 2020 15:00:00 GMT"
    with AlphaVantageClient(serve([(200, SERIES)], date), KEY) as client:
        assert client.daily_prices("A", "compact").market_time == datetime(2020, 6, 15, 15, tzinfo=UTC)


def test_a_burst_notice_and_a_server_error_are_asked_again(serve: Callable[..., str]) -> None:
    burst = b'{"Information": "Please consider spreading out your free API requests (1 request per second)."}'
    with AlphaVantageClient(serve([(200, burst), (503, b""), (200, SERIES)]), KEY) as client:
        assert client.daily_prices("A", "full").body == SERIES


def test_a_spent_day_is_not_asked_again_and_the_echoed_key_is_hidden(serve: Callable[..., str]) -> None:
    notice = (
        f'{{"Information": "We have detected your API key as {KEY} and our standard API rate limit is 25 requests per '
        'day. Please subscribe to any of the premium plans"}'
    ).encode()
    with (
        AlphaVantageClient(serve([(200, notice), (200, SERIES)]), KEY) as client,
        pytest.raises(errors.DailyLimitReached) as error,
    ):
        client.daily_prices("A", "compact")
    assert KEY not in str(error.value)
    assert "[API key]" in str(error.value)


def test_no_server_is_an_error_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        AlphaVantageClient("http://127.0.0.1:9", KEY) as client,
        pytest.raises(errors.ServerFault) as error,
    ):
        client.splits("A")
    seen: BaseException | None = error.value
    while seen is not None:
        assert KEY not in str(seen)
        seen = seen.__cause__
    assert KEY not in caplog.text


def test_an_html_page_is_no_answer(serve: Callable[..., str]) -> None:
    with (
        AlphaVantageClient(serve([(200, b"<html>down</html>")]), KEY) as client,
        pytest.raises(errors.UnreadableAnswer, match="TIME_SERIES_DAILY A: 17 bytes"),
    ):
        client.daily_prices("A", "compact")


def test_a_cut_off_series_is_asked_again(serve: Callable[..., str]) -> None:
    with AlphaVantageClient(serve([(200, SERIES[:-1]), (200, SERIES)]), KEY) as client:
        assert client.daily_prices("A", "full").body == SERIES


def test_the_days_own_limit_ends_the_day_and_does_not_sleep_through_it(serve: Callable[..., str]) -> None:
    with AlphaVantageClient(serve([(200, SERIES)]), KEY, limits=(0, 0, 2)) as client:
        client.daily_prices("A", "compact")
        client.daily_prices("B", "compact")
        with pytest.raises(errors.DailyLimitReached, match="HM_ALPHA_VANTAGE_REQUESTS_PER_DAY are spent"):
            client.daily_prices("C", "compact")


@pytest.mark.parametrize("limits", [(1, 75, 500), (5, 5, 25), (0, 0, 0), (0, 5, 0)])
def test_any_plans_limits_are_accepted(serve: Callable[..., str], limits: tuple[int, int, int]) -> None:
    with AlphaVantageClient(serve([(200, SERIES)]), KEY, limits) as client:
        assert client.daily_prices("A", "compact").body == SERIES
