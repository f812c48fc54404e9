"""The false answers that the sample market can give: their names, the setting, and which call gets which.

Whether a call is hit, and by what, is a function of the seed, the call, and how often it was asked before: never of the
order of threads, of other calls, or of the clock. Imports nothing of the project.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode


class Fault(StrEnum):
    """One way in which an answer can be false or fail; docs/sample-market.md says what each looks like."""

    DAILY_CAP = "daily_cap"  # the day's calls are spent; the text holds the caller's key
    DAILY_CAP_NO_KEY = "daily_cap_no_key"  # the same in the words of 2024
    BURST = "burst"  # more than one call a second
    LEGACY_NOTE = "legacy_note"  # more than five calls a minute, in the words of old
    PREMIUM_ENDPOINT = "premium_endpoint"  # the plan does not include this function
    PREMIUM_FULL = "premium_full"  # the plan does not include outputsize=full; only such calls
    DEMO_KEY = "demo_key"  # the key is the demo key
    KEY_REFUSED = "key_refused"  # the key is missing or invalid
    INVALID_CALL = "invalid_call"  # the API knows neither the symbol nor the call
    NOTHING_THERE = "nothing_there"  # an empty object, for a search an empty list
    ARTIFICIAL_ROWS = "artificial_rows"  # made-up rows under a premium notice
    SLOW = "slow"  # the true answer, after slow_seconds
    CUT_BEFORE = "cut_before"  # the connection ends without a byte
    CUT_INSIDE = "cut_inside"  # the connection ends after half of the promised bytes
    TRUNCATED = "truncated"  # a whole HTTP answer whose body is the first half of the true one
    HTML = "html"  # a web page, with status 200
    OTHER_SYMBOL = "other_symbol"  # another symbol's answer; only calls whose answer names its symbol
    HTTP_500 = "http_500"  # an internal error
    HTTP_503 = "http_503"  # unavailable, with Retry-After
    HTTP_429 = "http_429"  # too many requests, with Retry-After


# Those that asking again mends.
TRANSIENT: Final = frozenset(
    {
        *(Fault.BURST, Fault.LEGACY_NOTE, Fault.SLOW, Fault.CUT_BEFORE, Fault.CUT_INSIDE, Fault.TRUNCATED),
        *(Fault.HTML, Fault.OTHER_SYMBOL, Fault.HTTP_500, Fault.HTTP_503, Fault.HTTP_429),
    }
)
GROUPS: Final = {"all": frozenset(Fault), "transient": TRANSIENT}
# A call that was hit so often in a row is answered at the next ask, unless every call is to be hit (rate=1).
MOST_IN_A_ROW: Final = 3
SLOWEST_SECONDS: Final = 120.0
FORM: Final = "none, or rate=0.2,seed=7,kinds=transient,slow_seconds=2,echo_key=no (all but the rate may be left out)"


@dataclass(frozen=True, slots=True)
class Faults:
    """The setting. rate: share of the calls that are hit, 0 to 1. kinds: what can hit them.

    slow_seconds: how late a slow answer is. echo_key: whether every false text names the caller's key, to prove that
    nobody writes it down; otherwise only DAILY_CAP does, as the real one.
    """

    rate: float = 0.0
    seed: int = 2020
    kinds: frozenset[Fault] = GROUPS["all"]
    slow_seconds: float = 2.0
    echo_key: bool = False

    def __str__(self) -> str:
        if not self.rate:
            return "none"
        group = next((name for name, kinds in GROUPS.items() if kinds == self.kinds), None)
        kinds = group or "+".join(sorted(self.kinds))
        echo = "yes" if self.echo_key else "no"
        return f"rate={self.rate},seed={self.seed},kinds={kinds},slow_seconds={self.slow_seconds},echo_key={echo}"


NO_FAULTS: Final = Faults()


def parse_faults(text: str) -> Faults:
    """The setting from its text (see FORM). Raises ValueError, whose text names the part and what is allowed."""
    if text.strip().lower() == "none":
        return NO_FAULTS
    given: dict[str, str] = {}
    for part in text.lower().split(","):
        name, _, value = (each.strip() for each in part.partition("="))
        if name not in Faults.__slots__ or not value or name in given:
            raise ValueError(f'"{part.strip()}" is one part too many or unknown: {FORM}')
        given[name] = value
    if "rate" not in given:
        raise ValueError(f"the rate is missing: {FORM}")
    return Faults(
        rate=_number("rate", given["rate"], 0.0, 1.0),
        seed=int(_number("seed", given.get("seed", str(NO_FAULTS.seed)), 0, 2**31 - 1, whole=True)),
        kinds=_kinds(given.get("kinds", "all")),
        slow_seconds=_number(
            "slow_seconds", given.get("slow_seconds", str(NO_FAULTS.slow_seconds)), 0, SLOWEST_SECONDS
        ),
        echo_key=_yes(given.get("echo_key", "no")),
    )


def _number(name: str, text: str, least: float, most: float, whole: bool = False) -> float:
    allowed = f'{name} "{text}" is no {"whole " if whole else ""}number from {least:g} to {most:.10g}'
    try:
        value = float(int(text) if whole else float(text))
    except ValueError:
        raise ValueError(allowed) from None
    if not least <= value <= most:
        raise ValueError(allowed)
    return value


def _kinds(text: str) -> frozenset[Fault]:
    chosen: set[Fault] = set()
    for word in (part.strip() for part in text.split("+")):
        if word not in GROUPS and word not in set(Fault):
            raise ValueError(f'kind "{word}" is none, joined by +, of: {", ".join([*GROUPS, *Fault])}')
        chosen |= GROUPS.get(word) or {Fault(word)}
    return frozenset(chosen)


def _yes(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise ValueError(f'echo_key "{text}" is neither yes nor no')
    return text == "yes"


def call_name(call: Mapping[str, str]) -> str:
    """One name for calls that ask the same: all parameters of the URL but the key, in one order, values in capitals."""
    return urlencode(sorted((name, value.strip().upper()) for name, value in call.items() if name != "apikey"))


def names_its_symbol(call: Mapping[str, str]) -> bool:
    """Whether an answer to the call says whose it is, so that another symbol's can be told from it."""
    function = call.get("function", "").upper()
    if function in {"TIME_SERIES_DAILY", "SPLITS"}:
        return call.get("datatype", "").lower() != "csv"
    return function in {"EARNINGS", "EARNINGS_CALENDAR"} and bool(call.get("symbol"))


def _can_hit(fault: Fault, call: Mapping[str, str]) -> bool:
    if fault is Fault.PREMIUM_FULL:
        return call.get("outputsize", "").lower() == "full"
    return fault is not Fault.OTHER_SYMBOL or names_its_symbol(call)


def _luck(seed: int, name: str, ask: int) -> tuple[float, float]:
    """Two numbers in [0, 1): for whether the call is hit, and for what hits it."""
    digest = sha256(f"{seed}|fault|{name}|{ask}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48, int.from_bytes(digest[6:12]) / 2**48


def fate(faults: Faults, call: Mapping[str, str], ask: int) -> Fault | None:
    """What becomes of the `ask`-th time (from 0) that this call is asked; None: it is answered."""
    name = call_name(call)
    hit, what = _luck(faults.seed, name, ask)
    kinds = [fault for fault in Fault if fault in faults.kinds and _can_hit(fault, call)]
    if hit >= faults.rate or not kinds:
        return None
    if faults.rate < 1:
        unlucky = 0
        while unlucky < ask and _luck(faults.seed, name, ask - unlucky - 1)[0] < faults.rate:
            unlucky += 1
        # Every one after MOST_IN_A_ROW of the run was spared.
        if unlucky % (MOST_IN_A_ROW + 1) == MOST_IN_A_ROW:
            return None
    return kinds[int(what * len(kinds))]


class FaultDealer:
    """Deals the faults of one server to its calls, and keeps count. Thread-safe; forgotten when the server stops."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._asks: Counter[str] = Counter()
        self._dealt: Counter[Fault] = Counter()
        self._lock = threading.Lock()

    def deal(self, call: Mapping[str, str]) -> Fault | None:
        """Counts one ask of the call; what becomes of it."""
        name = call_name(call)
        with self._lock:
            ask = self._asks[name]
            self._asks[name] += 1
        fault = fate(self.faults, call, ask)
        if fault is not None:
            with self._lock:
                self._dealt[fault] += 1
        return fault

    def tally(self) -> dict[str, Any]:
        """The setting; how many calls were asked since the start, how many different ones; how many each kind hit."""
        with self._lock:
            dealt = {fault.value: self._dealt[fault] for fault in Fault if fault in self._dealt}
            counts = {"calls": self._asks.total(), "different_calls": len(self._asks)}
        return {"faults": str(self.faults), **counts, "dealt": dealt}
