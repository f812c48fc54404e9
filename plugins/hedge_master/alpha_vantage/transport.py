"""One HTTP attempt: the reply as it came, or why there is none. Follows no redirect, waits no longer than it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from urllib.parse import urlsplit

import httpx

from hedge_master.alpha_vantage import errors
from hedge_master.alpha_vantage.errors import AlphaVantageError
from hedge_master.alpha_vantage.notices import notice_in
from hedge_master.alpha_vantage.secrecy import Secret

SILENCE_SECONDS = 30.0  # without a byte, while connecting too
ANSWER_SECONDS = 120.0  # for the whole of it: a server that drips is no better than one that is silent
LONGEST_BODY = 32 * 1024 * 1024  # the longest history is about 2 MB
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Reply:
    """An HTTP response. `date`: its header Date, `retry_after`: seconds from then on; None where it names none.

    `redirected_to`: the host that a redirect names, "" where there is none.
    """

    status: int
    body: bytes
    date: datetime | None
    retry_after: float | None
    redirected_to: str


def open_client(base_url: str) -> httpx.Client:
    """The pool of connections to one API."""
    # A proxy of the environment is meant for the real API: this machine's own server is never asked through one.
    proxied = urlsplit(base_url).hostname not in LOOPBACK
    return httpx.Client(base_url=base_url, timeout=SILENCE_SECONDS, follow_redirects=False, trust_env=proxied)


def get(client: httpx.Client, parameters: dict[str, str], secret: Secret) -> Reply | AlphaVantageError:
    """Asks once. An error is returned, not raised: it must not drag the library's own along, whose request has the key.

    Its text may echo the key all the same (a redirect, say): hide it before it is shown.
    """
    try:
        with client.stream("GET", "/query", params={**parameters, "apikey": secret.reveal()}) as response:
            body = bytearray()
            until = monotonic() + ANSWER_SECONDS
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > LONGEST_BODY:
                    return errors.NoSuchAnswer(f"more than {LONGEST_BODY} bytes: longer than any answer")
                if monotonic() > until:
                    return errors.NetworkFault(f"not whole after {ANSWER_SECONDS:g} s, {len(body)} bytes so far")
            return _reply(response, bytes(body))
    except httpx.RequestError as error:
        return errors.NetworkFault(f"{type(error).__name__}: {error}")


def status_fault(reply: Reply) -> AlphaVantageError | None:
    """What an HTTP status other than 200 means. A known notice in a refusal says it better than the status."""
    status = reply.status
    if status == httpx.codes.OK:
        return None
    notice = notice_in(reply.body) if httpx.codes.is_client_error(status) else None
    fault: AlphaVantageError
    if notice is not None and not isinstance(notice, errors.UnreadableAnswer | errors.EmptyAnswer):
        fault = notice
    elif status == httpx.codes.TOO_MANY_REQUESTS:
        fault = errors.TooFast("HTTP 429")
    elif status == httpx.codes.REQUEST_TIMEOUT or httpx.codes.is_server_error(status):
        fault = errors.ServerFault(f"HTTP {status}")
    elif httpx.codes.is_redirect(status):
        fault = errors.Redirected(f"HTTP {status} to {reply.redirected_to or 'another address'}")
    else:
        fault = errors.HttpRefused(f"HTTP {status}")
    fault.retry_after = reply.retry_after
    return fault


def _reply(response: httpx.Response, body: bytes) -> Reply:
    date = _moment(response.headers.get("Date"))
    after = response.headers.get("Retry-After", "")
    retry_after: float | None = None
    if after.isdecimal():
        retry_after = float(after)
    elif (then := _moment(after)) is not None:
        retry_after = max(0.0, (then - (date or datetime.now(UTC))).total_seconds())
    return Reply(response.status_code, body, date, retry_after, _host(response.headers.get("Location", "")))


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def _moment(text: str | None) -> datetime | None:
    """A date of HTTP in UTC; None where there is none that can be read (RFC 9110 lets a server send none)."""
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
