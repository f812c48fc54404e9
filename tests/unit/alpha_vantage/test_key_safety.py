"""The API key is in no text: no error, none behind it, no log line, however the far end echoes it."""

from __future__ import annotations

import html
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from hedge_master.alpha_vantage import errors
from hedge_master.alpha_vantage.budget import NoLimit
from hedge_master.alpha_vantage.client import AlphaVantageClient
from hedge_master.alpha_vantage.secrecy import Secret
from scripted_server import Line, Serve

KEY = "S3cr+t/K&y<9>\"Z'#%1"  # no key of Alpha Vantage looks so, but each of its characters can be quoted
PLAIN_KEY = "SECRETKEY1234567"
SPENT = "We have detected your API key as %s and our standard API rate limit is 25 requests per day. Please subscribe"
SPELLINGS = {
    "as it is": lambda key: key,
    "upper case": str.upper,
    "lower case": str.lower,
    "quoted for a URL": lambda key: quote(key, safe=""),
    "quoted in lower case": lambda key: quote(key, safe="").lower(),
    "quoted twice": lambda key: quote(quote(key, safe=""), safe=""),
    "each character quoted": lambda key: "".join(f"%{ord(character):02X}" for character in key),
    "escaped for JSON": lambda key: json.dumps(key)[1:-1],
    "each character escaped for JSON": lambda key: "".join(f"\\u{ord(character):04x}" for character in key),
    "escaped slashes": lambda key: key.replace("/", "\\/"),
    "escaped for HTML": html.escape,
    "escaped by number for HTML": lambda key: "".join(f"&#{ord(character)};" for character in key),
    "escaped by hex for HTML": lambda key: "".join(f"&#x{ord(character):X};" for character in key),
    "as Python shows it": lambda key: repr(key)[1:-1],
}


def texts_of(error: BaseException | None) -> Iterator[str]:
    """All that a log, a ledger or a pickle could show of an error and of those behind it."""
    while error is not None:
        yield from (
            str(error),
            repr(error),
            *map(repr, error.args),
            repr(vars(error)),
            *getattr(error, "__notes__", ()),
        )
        yield "".join(traceback.format_exception(error))
        yield pickle.dumps(error).decode("latin-1")
        assert error.__cause__ is None
        error = error.__context__


def assert_kept(key: str, spelled: str, *texts: str) -> None:
    for text in texts:
        for form in (key, spelled):
            assert form.lower() not in text.lower(), text


def replies(spelled: str) -> dict[str, Line]:
    """The key in every place in which a far end could put it."""
    quoted = json.dumps(spelled)
    series = '"Time Series (Daily)": {}'
    notice = json.dumps({"Information": SPENT % spelled}).encode()
    return {
        "a notice": Line(notice),
        "an unknown notice": Line(json.dumps({"Note": f"apikey={spelled} is nice"}).encode()),
        "a cut notice": Line(notice[:60]),
        "an HTML page": Line(f"<html>GET /query?apikey={spelled}</html>".encode()),
        "a text": Line(spelled.encode()),
        "another symbol": Line(f'{{"Meta Data": {{"2. Symbol": {quoted}}}, {series}}}'.encode()),
        "a redirect": Line(status=302, headers={"Location": f"http://other.example/query?apikey={spelled}"}),
        "a redirect's host": Line(status=301, headers={"Location": f"http://{spelled}.example/"}),
        "a redirect to nowhere": Line(status=302, headers={"Location": f"http://[{spelled}:x/"}),
        "a header": Line(status=500, headers={"X-Request": f"/query?apikey={spelled}", "Retry-After": spelled}),
        "a refusal": Line(f"no {spelled}".encode(), status=403),
        "a good answer": Line(f'{{"Meta Data": {{"2. Symbol": "A", "9. Key": {quoted}}}, {series}}}'.encode()),
    }


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("place", replies(""))
def test_an_echoed_key_goes_no_further(
    serve: Serve, pauses: list[float], caplog: pytest.LogCaptureFixture, spelling: str, place: str
) -> None:
    spelled = SPELLINGS[spelling](KEY)
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        caplog.set_level(logging.DEBUG, logger=name)
    server = serve(replies(spelled)[place])
    with (
        AlphaVantageClient(server.url, KEY, NoLimit()) as client,
        pytest.raises(errors.AlphaVantageError) as raised,
    ):
        client.daily_prices("A", "compact")
    assert "send_request_headers" in caplog.text  # httpcore does log at this level
    assert_kept(KEY, spelled, *texts_of(raised.value), caplog.text, *map(str, caplog.records))


def test_httpx_names_the_address_and_not_the_key(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with AlphaVantageClient(serve(b"effective_date,split_factor\n").url, PLAIN_KEY, NoLimit()) as client:
        caplog.set_level(logging.INFO, logger="httpx")
        client.splits("A")
    assert "function=SPLITS&symbol=A&datatype=csv&apikey=[API key]" in caplog.text


def test_a_lonely_call_logs_no_line_of_its_own(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """An operator's log has thousands of calls: the HTTP libraries speak up only where somebody asks them to."""
    caplog.set_level(logging.INFO)
    with AlphaVantageClient(serve(b"effective_date,split_factor\n").url, PLAIN_KEY, NoLimit()) as client:
        client.splits("A")
    assert caplog.text == ""


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY])
def test_no_server_is_an_error_without_the_key(pauses: list[float], caplog: pytest.LogCaptureFixture, key: str) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        AlphaVantageClient("http://127.0.0.1:9", key, NoLimit()) as client,
        pytest.raises(errors.NetworkFault) as raised,
    ):
        client.splits("A")
    assert_kept(key, quote(key, safe=""), *texts_of(raised.value), caplog.text)


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    """The address holds the key: it would be told to whatever host the answer names."""
    other = serve(b"effective_date,split_factor\n")
    server = serve(Line(status=307, headers={"Location": f"{other.url}/query"}))
    with (
        AlphaVantageClient(server.url, PLAIN_KEY, NoLimit()) as client,
        pytest.raises(errors.Redirected, match=f"HTTP 307 to {other.url.removeprefix('http://')}"),
    ):
        client.splits("A")
    assert other.asked == []


def test_an_answer_with_the_key_in_it_is_not_kept(serve: Serve) -> None:
    """Answers go to Kafka and into the warehouse as they are."""
    body = f"symbol,name,exchange\nA,{PLAIN_KEY.lower()},NYSE\n".encode()
    with (
        AlphaVantageClient(serve(body).url, PLAIN_KEY, NoLimit()) as client,
        pytest.raises(errors.KeyEchoed, match="LISTING_STATUS active: 45 bytes with the API key among them"),
    ):
        client.listing_status("active")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("your API key as demo and", "your API key as [API key] and"),
        ("apikey=DEMO&x=1", "apikey=[API key]&x=1"),
        ("apikey%3Ddemo", "apikey%3D[API key]"),
        ("apikey\\u003ddemo", "apikey\\u003d[API key]"),
        ("Demographics of Demopolis", "Demographics of Demopolis"),
    ],
)
def test_a_short_key_is_hidden_where_it_is_a_word(text: str, hidden: str) -> None:
    assert Secret("demo").hidden_in(text) == hidden


def test_a_short_key_is_no_secret_that_answers_could_hold() -> None:
    """KeyCorp's symbol is KEY, and many companies have "demo" in their names."""
    assert not Secret("demo").is_in(b"symbol,name\nDEMO,demo\n")


def test_a_long_key_is_hidden_within_a_word() -> None:
    assert Secret(PLAIN_KEY).hidden_in(f"x{PLAIN_KEY}x") == "x[API key]x"


@pytest.mark.parametrize("key", ["", "two words", "line\n", "schlüssel", "\udcff"])
def test_what_can_be_no_key_is_said_without_showing_it(key: str) -> None:
    with pytest.raises(errors.KeyRefused, match="HM_ALPHA_VANTAGE_API_KEY") as raised:
        AlphaVantageClient("http://127.0.0.1:9", key, NoLimit())
    assert not key or key not in str(raised.value)


def test_nothing_shows_the_key_of_a_client() -> None:
    with AlphaVantageClient("http://127.0.0.1:9", PLAIN_KEY, NoLimit()) as client:
        assert repr(client) == "AlphaVantageClient('http://127.0.0.1:9')"
        assert_kept(PLAIN_KEY, PLAIN_KEY, str(client), f"{vars(client)}")
