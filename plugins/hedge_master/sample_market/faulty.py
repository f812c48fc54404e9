"""One call, answered truly or falsely: what each fault makes of the answer that a desk would give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from fastapi import Response

from hedge_master.sample_market import answers, notices
from hedge_master.sample_market.connection import CutResponse, LateResponse
from hedge_master.sample_market.faults import Fault, FaultDealer
from hedge_master.sample_market.limits import CallLimits

JSON_TYPE: Final = "application/json"
CSV_TYPE: Final = "application/x-download"
RETRY_AFTER_SECONDS: Final = 1
_WEB_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><title>Just a moment</title></head>
<body><h1>Just a moment</h1><p>We are checking your connection.%s</p></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The body and its media type; the status is 200."""

    text: str
    media_type: str


class Desk(Protocol):
    """Whoever knows the true answers. A call is the parameters of its URL."""

    def told(self, call: Mapping[str, str]) -> Answer:
        """The true answer; a notice, in JSON, where the call makes no sense."""

    def another_symbol(self, call: Mapping[str, str]) -> str | None:
        """A symbol whose answer could be taken for that of the call's own; None where there is none."""


def respond(desk: Desk, limits: CallLimits, dealer: FaultDealer, call: Mapping[str, str]) -> Response:
    """Key first, then limits, then the call itself, as the real API does; refused, answered, or false.

    A refused call is not dealt a fault: which one is hit must not depend on the pace.
    """
    api_key = call.get("apikey", "").strip()
    refused = limits.refusal(api_key) if api_key else notices.missing_key()
    if refused is not None:
        return _whole(Answer(answers.as_json(refused), JSON_TYPE))
    fault = dealer.deal(call)
    echo = f" Your API key is {api_key}." if dealer.faults.echo_key else ""
    match fault:
        case None:
            return _whole(desk.told(call))
        case Fault.SLOW:
            true = desk.told(call)
            return LateResponse(true.text, true.media_type, dealer.faults.slow_seconds)
        case Fault.CUT_BEFORE | Fault.CUT_INSIDE:
            true = desk.told(call)
            return CutResponse(true.text, true.media_type, len(true.text) // 2 if fault is Fault.CUT_INSIDE else 0)
        case Fault.TRUNCATED:
            true = desk.told(call)
            return _whole(Answer(_first_half(true), true.media_type))
        case Fault.OTHER_SYMBOL:
            other = desk.another_symbol(call)
            return _whole(desk.told(call if other is None else {**call, "symbol": other}))
        case Fault.HTML:
            return Response(_WEB_PAGE % echo, media_type="text/html")
        case Fault.HTTP_500 | Fault.HTTP_503 | Fault.HTTP_429:
            return _status(fault, echo)
    notice = _NOTICES[fault](call)
    return _whole(Answer(answers.as_json(_echoing(notice, echo)), JSON_TYPE))


def _whole(answer: Answer) -> Response:
    return Response(answer.text, media_type=answer.media_type)


def _first_half(true: Answer) -> str:
    """What is left of the text. CSV ends inside a row's first field: such a row has too few, so that it can be told."""
    middle = len(true.text) // 2
    if true.media_type == JSON_TYPE:
        return true.text[:middle]
    row = true.text.rfind("\n", 0, middle) + 1
    return true.text[: row + 3]


def _status(fault: Fault, echo: str) -> Response:
    status = int(fault.removeprefix("http_"))
    wait = {} if fault is Fault.HTTP_500 else {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Response(f"The server cannot answer now.{echo}", status, wait, "text/plain")


def _nothing_there(call: Mapping[str, str]) -> notices.Notice:
    return {"bestMatches": []} if call.get("function", "").upper() == "SYMBOL_SEARCH" else {}


def _echoing(notice: notices.Notice, echo: str) -> notices.Notice:
    return {name: f"{text}{echo}" if isinstance(text, str) else text for name, text in notice.items()}


_NOTICES: Final[dict[Fault, Callable[[Mapping[str, str]], notices.Notice]]] = {
    Fault.DAILY_CAP: lambda call: notices.daily_cap(call["apikey"].strip(), notices.FREE_CALLS_A_DAY),
    Fault.DAILY_CAP_NO_KEY: lambda _call: notices.daily_cap_of_2024(notices.FREE_CALLS_A_DAY),
    Fault.BURST: lambda _call: notices.burst(1, "second", notices.FREE_CALLS_A_DAY),
    Fault.LEGACY_NOTE: lambda _call: notices.legacy_note(),
    Fault.PREMIUM_ENDPOINT: lambda _call: notices.premium_endpoint(),
    Fault.PREMIUM_FULL: lambda call: notices.premium_full(call.get("function", "").upper()),
    Fault.DEMO_KEY: lambda _call: notices.demo_key(),
    Fault.KEY_REFUSED: lambda _call: notices.missing_key(),
    Fault.INVALID_CALL: lambda call: notices.invalid_call(call.get("function", "")),
    Fault.NOTHING_THERE: _nothing_there,
    Fault.ARTIFICIAL_ROWS: lambda call: notices.artificial_rows(call.get("symbol", "").upper()),
}
