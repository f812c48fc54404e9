"""Why a call brought no usable answer, each reason with what to do about it. The texts never hold the API key."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal

Outcome = Literal["failed", "refused", "nothing_there", "lost"]


class Advice(StrEnum):
    """What helps against an error."""

    AGAIN_TODAY = "ask again today"
    AGAIN_TOMORROW = "ask again tomorrow"
    NEVER = "never ask this again"
    BUY_A_PLAN = "buy a plan that includes it"
    MEND_THE_KEY = "mend HM_ALPHA_VANTAGE_API_KEY"


class AlphaVantageError(Exception):
    """No usable answer.

    outcome: what the ledger of calls records. retry: whether the client asks again by itself. pause_seconds: how long
    it waits at least before it does. advice: what an operator, or the next run, does about it.
    attempts: HTTP calls that were made until this was final (0: refused by our own budget before the first).
    retry_after: seconds that the server asked for; None where it named none.
    """

    outcome: ClassVar[Outcome] = "failed"
    retry: ClassVar[bool] = False
    pause_seconds: ClassVar[float] = 0.0
    advice: ClassVar[Advice] = Advice.AGAIN_TODAY

    attempts: int = 1
    retry_after: float | None = None


class CalledOff(AlphaVantageError):
    """Given up while it waited, for the budget or for another try, since whoever asked wants no more answers.

    That is no failure and no refusal: nobody waits for the answer any more, as after a kill, and the next run asks.
    """

    outcome = "lost"


class DailyLimitReached(AlphaVantageError):
    """The plan's calls of the day are spent; the API's day is US/Eastern."""

    outcome = "refused"
    advice = Advice.AGAIN_TOMORROW


class TooFast(AlphaVantageError):
    """Asked faster than the plan allows: the burst notice (calls per second), or HTTP 429."""

    outcome = "refused"
    retry = True
    pause_seconds = 1.0


class MinuteLimitReached(TooFast):
    """The calls of this minute are spent: the older notice, "5 calls per minute"."""

    pause_seconds = 15.0  # four pauses between five attempts: the minute is over at the last one


class PremiumOnly(AlphaVantageError):
    """The plan does not include this function."""

    outcome = "refused"
    advice = Advice.BUY_A_PLAN


class FullHistoryIsPremium(PremiumOnly):
    """The plan has the function, but only its latest 100 rows (outputsize=compact)."""


class ArtificialRows(PremiumOnly):
    """A premium function without a plan, answered with invented rows: nothing of them may be stored."""


class KeyRefused(AlphaVantageError):
    """The API key is missing or invalid; every call would fail."""

    outcome = "refused"
    advice = Advice.MEND_THE_KEY


class DemoKeyRefused(KeyRefused):
    """The API's demo key, which answers the examples of its documentation and nothing else."""


class UnknownSymbol(AlphaVantageError):
    """The API does not know the symbol or the call ("Invalid API call")."""

    outcome = "nothing_there"
    advice = Advice.NEVER


class EmptyAnswer(UnknownSymbol):
    """An empty object: nothing under this name today. A company that lists tomorrow answers so, too."""

    advice = Advice.AGAIN_TOMORROW


class ServerFault(AlphaVantageError):
    """The server failed: HTTP 5xx, or 408."""

    retry = True


class NetworkFault(ServerFault):
    """No whole answer arrived: no connection, a timeout, or a connection that was cut."""


class HttpRefused(AlphaVantageError):
    """HTTP 4xx, or another status that is no answer: the same call will be refused again."""

    outcome = "refused"
    advice = Advice.NEVER


class Redirected(HttpRefused):
    """HTTP 3xx. Not followed: the address holds the key, and it would go to whatever host the answer names."""


class UnreadableAnswer(AlphaVantageError):
    """Neither the expected answer nor a known notice; the text names the function, the field and the value."""

    retry = True


class TruncatedAnswer(UnreadableAnswer):
    """The body ends before the answer does."""


class HtmlPage(UnreadableAnswer):
    """A page in the place of an answer: maintenance, or a proxy that speaks."""


class NoSuchAnswer(UnreadableAnswer):
    """A whole body without what was asked for: no such series, list or column in it."""


class AnswerForAnother(UnreadableAnswer):
    """The answer belongs to another symbol, or pair of currencies, than the one asked for."""


class UnknownNotice(UnreadableAnswer):
    """A notice that nobody has taught us: it may be a limit in new words, so it is not asked again at once."""

    retry = False
    advice = Advice.AGAIN_TOMORROW


class KeyEchoed(UnreadableAnswer):
    """A usable answer with the API key in it: not kept, since answers go to Kafka and the warehouse untouched."""

    retry = False
