"""GET /query: reads the parameters as leniently or strictly as Alpha Vantage, and finds the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from hedge_master.sample_market import answers, earnings, notices
from hedge_master.sample_market.faulty import CSV_TYPE, JSON_TYPE, Answer
from hedge_master.sample_market.fx import ExchangeRates
from hedge_master.sample_market.listing import Listing
from hedge_master.sample_market.market_status import market_status
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.universe import Universe


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
    """Knows the answers of a universe."""

    def __init__(self, universe: Universe, rates: ExchangeRates, now: Callable[[], Moment]) -> None:
        self._universe = universe
        self._rates = rates
        self._now = now
        self._functions: dict[str, Callable[[Mapping[str, str], Moment], Answer]] = {
            "TIME_SERIES_DAILY": self._daily,
            "SYMBOL_SEARCH": self._search,
            "LISTING_STATUS": self._listing_status,
            "SPLITS": self._splits,
            "FX_DAILY": self._fx_daily,
            "EARNINGS": self._earnings,
            "EARNINGS_CALENDAR": self._earnings_calendar,
            "MARKET_STATUS": self._market_status,
        }

    def told(self, call: Mapping[str, str]) -> Answer:
        """The answer; a notice, always in JSON, where the call makes no sense. `call`: the parameters of the URL."""
        function = call.get("function", "")
        served = self._functions.get(function.upper())
        try:
            if served is None:
                raise InvalidCall(function)
            return served(call, self._now())
        except InvalidCall as error:
            return Answer(answers.as_json(notices.invalid_call(error.function)), JSON_TYPE)

    def another_symbol(self, call: Mapping[str, str]) -> str | None:
        """The first other listed symbol that is as real, or as simulated, as the call's own."""
        moment = self._now()
        own = self._listing(call, moment)
        if own is None:
            return None
        others = (each for each in self._universe.listed(moment) if each.symbol != own.symbol)
        return next((each.symbol for each in others if each.simulated is own.simulated), None)

    def _listing(self, parameters: Mapping[str, str], moment: Moment) -> Listing | None:
        return self._universe.find(parameters.get("symbol", ""), moment)

    def _daily(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        full = _choice(parameters, "outputsize", ("compact", "full")) == "full"
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        listing = self._listing(parameters, moment)
        if listing is None:
            raise InvalidCall(parameters["function"])
        history = self._universe.history(listing, moment)
        if datatype == "csv":
            return Answer(answers.daily_csv(history, full), CSV_TYPE)
        return Answer(answers.daily_json(listing.symbol, history, full), JSON_TYPE)

    def _search(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        keywords = parameters.get("keywords", "").strip()
        if not keywords:
            raise InvalidCall(parameters["function"])
        matches = self._universe.search(keywords, moment)
        if datatype == "csv":
            return Answer(answers.search_csv(matches), CSV_TYPE)
        return Answer(answers.search_json(matches), JSON_TYPE)

    def _listing_status(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        """Always CSV. `date`: a day in the past, as in the real one."""
        delisted = _choice(parameters, "state", ("active", "delisted")) == "delisted"
        asked = parameters.get("date", "")
        try:
            as_of = date.fromisoformat(asked) if asked else moment.day
        except ValueError:
            raise InvalidCall(parameters["function"]) from None
        if as_of > moment.day:
            raise InvalidCall(parameters["function"])
        then = moment if as_of == moment.day else Moment(as_of)
        return Answer(answers.listing_status_csv(self._universe.us_listings(then, delisted), as_of), CSV_TYPE)

    def _splits(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        """An unknown symbol is {}, one without a split an empty list; no symbol at all is an invalid call."""
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        if not parameters.get("symbol", "").strip():
            raise InvalidCall(parameters["function"])
        listing = self._listing(parameters, moment)
        if listing is None:
            return Answer(answers.as_json({}), JSON_TYPE)
        splits = self._universe.history(listing, moment).splits
        if datatype == "csv":
            return Answer(answers.splits_csv(splits), CSV_TYPE)
        return Answer(answers.splits_json(listing.symbol, splits), JSON_TYPE)

    def _fx_daily(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        full = _choice(parameters, "outputsize", ("compact", "full")) == "full"
        datatype = _choice(parameters, "datatype", ("json", "csv"))
        base, quote = (parameters.get(name, "").strip().upper() for name in ("from_symbol", "to_symbol"))
        series = self._rates.series(base, quote, moment)
        if series is None:
            raise InvalidCall(parameters["function"])
        if datatype == "csv":
            return Answer(answers.rates_csv(series, full), CSV_TYPE)
        return Answer(answers.rates_json(base, quote, series, full), JSON_TYPE)

    def _earnings(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        """{} for a symbol without reports: unknown, real, or all of them while reports are switched off."""
        if not parameters.get("symbol", "").strip():
            raise InvalidCall(parameters["function"])
        listing = self._listing(parameters, moment)
        if listing is None or not self._universe.reports_of(listing):
            return Answer(answers.as_json({}), JSON_TYPE)
        reports = earnings.reported(self._universe.reports, listing, moment)
        return Answer(earnings.earnings_json(listing.symbol, reports), JSON_TYPE)

    def _earnings_calendar(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        """Always CSV: of one listed symbol of any market, or of all those of the United States."""
        months = earnings.HORIZONS[_choice(parameters, "horizon", tuple(earnings.HORIZONS))]
        if parameters.get("symbol", "").strip():
            listing = self._listing(parameters, moment)
            wanted = [] if listing is None or listing.delisted(moment.day) else [listing]
        else:
            wanted = self._universe.us_listings(moment, delisted=False)
        reporting = filter(self._universe.reports_of, wanted)
        return Answer(earnings.calendar_csv(self._universe.reports, reporting, moment, months), CSV_TYPE)

    def _market_status(self, parameters: Mapping[str, str], moment: Moment) -> Answer:
        return Answer(answers.as_json(market_status(moment, self._universe.is_session)), JSON_TYPE)
