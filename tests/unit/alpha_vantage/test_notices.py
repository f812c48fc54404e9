"""Every recorded notice becomes its own error, each with what to do about it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hedge_master.alpha_vantage import errors
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import ATTEMPTS, AlphaVantageClient, Answer
from hedge_master.alpha_vantage.errors import Advice
from hedge_master.alpha_vantage.notices import notice_in
from scripted_server import Serve

# The error, the ledger's outcome, whether the client asks again, and what the operator is told.
MEANINGS = {
    "information_daily_cap_2024": (errors.DailyLimitReached, "refused", False, Advice.AGAIN_TOMORROW),
    "information_daily_cap_with_key_2025": (errors.DailyLimitReached, "refused", False, Advice.AGAIN_TOMORROW),
    "information_burst_2025": (errors.TooFast, "refused", True, Advice.AGAIN_TODAY),
    "information_premium_endpoint": (errors.PremiumOnly, "refused", False, Advice.BUY_A_PLAN),
    "information_outputsize_full_premium": (errors.FullHistoryIsPremium, "refused", False, Advice.BUY_A_PLAN),
    "information_demo_key": (errors.DemoKeyRefused, "refused", False, Advice.MEND_THE_KEY),
    "note_legacy_5_per_minute": (errors.MinuteLimitReached, "refused", True, Advice.AGAIN_TODAY),
    "error_invalid_symbol_or_call": (errors.UnknownSymbol, "nothing_there", False, Advice.NEVER),
    "error_apikey": (errors.KeyRefused, "refused", False, Advice.MEND_THE_KEY),
    "empty_object": (errors.EmptyAnswer, "nothing_there", False, Advice.AGAIN_TOMORROW),
    "global_quote_unknown": (errors.EmptyAnswer, "nothing_there", False, Advice.AGAIN_TOMORROW),
    "search_no_match": (errors.EmptyAnswer, "nothing_there", False, Advice.AGAIN_TOMORROW),
    "premium_realtime_fake_rows": (errors.ArtificialRows, "refused", False, Advice.BUY_A_PLAN),
}


@pytest.fixture
def shapes(shared: Path) -> dict[str, object]:
    recorded: dict[str, object] = json.loads((shared / "alpha_vantage" / "error-shapes.json").read_text())
    recorded.pop("_note")
    return recorded


def test_no_recorded_shape_is_left_out(shapes: dict[str, object]) -> None:
    assert shapes.keys() == MEANINGS.keys()


@pytest.mark.parametrize("shape", MEANINGS)
@pytest.mark.parametrize(
    "call", [lambda client: client.daily_prices("A", "full"), lambda client: client.splits("A")], ids=["JSON", "CSV"]
)
def test_each_recorded_shape_has_its_meaning(
    shapes: dict[str, object],
    serve: Serve,
    pauses: list[float],
    shape: str,
    call: Callable[[AlphaVantageClient], Answer],
) -> None:
    """Over HTTP, with status 200, to a request for JSON and to one for CSV."""
    error, outcome, retry, advice = MEANINGS[shape]
    server = serve(json.dumps(shapes[shape], indent=1).encode())
    with AlphaVantageClient(server.url, "SECRETKEY123", NoLimit()) as client, pytest.raises(error) as raised:
        call(client)
    assert type(raised.value) is error
    assert (raised.value.outcome, raised.value.retry, raised.value.advice) == (outcome, retry, advice)
    assert raised.value.attempts == len(server.asked) == (ATTEMPTS if retry else 1)


def test_no_recorded_payload_is_taken_for_a_notice(shared: Path) -> None:
    payloads = [path for path in (shared / "alpha_vantage" / "payloads").iterdir() if "fake" not in path.name]
    assert len(payloads) >= 10
    for path in payloads:
        body = path.read_bytes()
        assert notice_in(gzip.decompress(body) if path.suffix == ".gz" else body) is None, path.name


def test_the_recorded_artificial_rows_are_never_an_answer(shared: Path) -> None:
    body = (shared / "alpha_vantage/payloads/REALTIME_BULK_QUOTES_fake_rows.json").read_bytes()
    assert isinstance(notice_in(body), errors.ArtificialRows)


def test_artificial_rows_are_known_by_their_words_wherever_these_stand() -> None:
    """The rows first, 9,000 bytes of them, and the message behind."""
    rows = b'{"data": [' + b", ".join([b'{"symbol": "MSFT"}'] * 450)
    body = rows + b'], "notes": "***THE SAMPLE DATA SCHEMA BELOW IS ARTIFICIAL AND FOR ILLUSTRATION PURPOSES ONLY***"}'
    assert isinstance(notice_in(body), errors.ArtificialRows)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"Information": "We moved to another planet."}', errors.UnknownNotice),
        (b'{"Information": "Thank you for using Alph', errors.TruncatedAnswer),
        (b'{"Note": "The limit is 75 requests per minute."}', errors.MinuteLimitReached),
        (b'{"Information": "Please send 5 requests per second at most."}', errors.TooFast),
    ],
)
def test_notices_that_nobody_has_recorded(body: bytes, error: type[errors.AlphaVantageError]) -> None:
    assert type(notice_in(body)) is error


def test_a_limit_in_new_words_is_not_asked_again_and_again() -> None:
    """Five attempts a call would burn the day's budget on it."""
    notice = notice_in(b'{"Information": "Kindly come back later."}')
    assert notice is not None
    assert not notice.retry
    assert str(notice) == "unknown notice: Kindly come back later."
