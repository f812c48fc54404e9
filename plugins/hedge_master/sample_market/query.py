"""GET /query: reads the parameters as leniently or strictly as Alpha Vantage, and finds the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from hedge_master.sample_market import answers, notices
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.listing import Listing
from hedge_master.sample_market.universe import Universe

JSON_TYPE: Final = "application/json"
CSV_TYPE: Final = "application/x-download"


@dataclass(frozen=True, slots=True)
class Answer:
    """The body and its media type; the status is always 200."""

    text: str
    media_type: str


class InvalidCall(ValueError):
    """The call cannot be answered; `function` is what the notice names."""

    def __init__(self, function: str) -> None:
        super().__init__(function)
        self.function = function


def _choice(parameters: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """The parameter's value; the first of `allowed` when it is absent or empty. Raises InvalidCall."""
    value = parameters.get(name, "").lower() or allowed[0]
    if value not in allowed:
        raise InvalidCall(parameters["function"])
    return value


class QueryDesk:
    """Answers one call: key first, then limits, then the call itself, as the real API does."""

    def __init__(self, universe: Universe, limits: CallLimits, today: Callable[[], date]) -> None:
        self._universe = universe
        self._limits = limits
        self._today = today
        self._functions: dict[str, Callable[[Mapping[str, str], date], Answer]] = {
            "TIME_SERIES_DAILY": self._daily,
            "SYMBOL_SEARCH": self._search,
            "LISTING_STATUS": self._listing_status,
            "SPLITS": self._splits,
        }

    def answer(self, parameters: Mapping[str, str]) -> Answer:
        """`parameters`: of the URL. Every refusal is an answer, always in JSON."""
        api_key = parameters.get("apikey", "").strip()
        if not api_key:
            return Answer(answers.as_json(notices.missing_key()), JSON_TYPE)
        refusal = self._limits.refusal(api_key)
        if refusal is not None:
            return Answer(answers.as_json(refusal), JSON_TYPE)
        function = parameters.get("function", "")
        served = self._functions.get(function.upper())
        try:
            if served is None:
                raise InvalidCall(function)
            return served(parameters, self._today())
        except InvalidCall as error:
            return Answer(answers.as_json(notices.invalid_call(error.function)), JSON_TYPE)

    def _listing(self, parameters: Mapping[str, str], day: date) -> Listing | None:
        return self._universe.find(parameters.get("symbol", ""), day)

    def _daily(self, parameters: Mapping[str, str], day: date) -> Answer:
        full = _choice(parameters, "outputsize", ("compact", "full")) == "full"
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        listing = self._listing(parameters, day)
        if listing is None:
            raise InvalidCall(parameters["function"])
        history = self._universe.history(listing, day)
        if datatype == "csv":
            return Answer(answers.daily_csv(history, full), CSV_TYPE)
        return Answer(answers.daily_json(listing.symbol, history, full), JSON_TYPE)

    def _search(self, parameters: Mapping[str, str], day: date) -> Answer:
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        keywords = parameters.get("keywords", "").strip()
        if not keywords:
            raise InvalidCall(parameters["function"])
        matches = self._universe.search(keywords, day)
        if datatype == "csv":
            return Answer(answers.search_csv(matches), CSV_TYPE)
        return Answer(answers.search_json(matches), JSON_TYPE)

    def _listing_status(self, parameters: Mapping[str, str], day: date) -> Answer:
        """Always CSV. `date`: a day in the past, as in the real one."""
        delisted = _choice(parameters, "state", ("active", "delisted")) == "delisted"
        asked = parameters.get("date", "")
        try:
            as_of = date.fromisoformat(asked) if asked else day
        except ValueError:
            raise InvalidCall(parameters["function"]) from None
        if as_of > day:
            raise InvalidCall(parameters["function"])
        return Answer(answers.listing_status_csv(self._universe.us_listings(as_of, delisted), as_of), CSV_TYPE)

    def _splits(self, parameters: Mapping[str, str], day: date) -> Answer:
        """An unknown symbol is {}, one without a split an empty list; no symbol at all is an invalid call."""
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        if not parameters.get("symbol", "").strip():
            raise InvalidCall(parameters["function"])
        listing = self._listing(parameters, day)
        if listing is None:
            return Answer(answers.as_json({}), JSON_TYPE)
        splits = self._universe.history(listing, day).splits
        if datatype == "csv":
            return Answer(answers.splits_csv(splits), CSV_TYPE)
        return Answer(answers.splits_json(listing.symbol, splits), JSON_TYPE)
