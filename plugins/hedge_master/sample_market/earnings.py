"""EARNINGS and EARNINGS_CALENDAR of simulated companies as text; real symbols have no reports here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import groupby

from hedge_master.sample_market.answers import as_csv, as_json
from hedge_master.sample_market.exchanges import major_unit
from hedge_master.sample_market.listing import Listing
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.reports import Report, ReportBook
from hedge_master.settings import FIRST_MARKET_DATE

HORIZONS = {"3month": 3, "6month": 6, "12month": 12}
CALENDAR_COLUMNS = ("symbol", "name", "reportDate", "fiscalDateEnding", "estimate", "currency", "timeOfTheDay")


def _number(value: float) -> str:
    """Four decimals at most and no zeros behind them, as the real answers: 1.6, 0.2325, 3."""
    return f"{round(value, 4) + 0.0:.4f}".rstrip("0").rstrip(".")


def reported(book: ReportBook, listing: Listing, moment: Moment) -> list[Report]:
    """What the company has reported up to `moment`, oldest first."""
    last = moment.day if listing.last_bar is None else min(moment.day, listing.last_bar)
    reports = book.reports(listing, FIRST_MARKET_DATE, last)
    return [report for report in reports if report.known(moment, listing.market)]


def earnings_json(symbol: str, reports: Sequence[Report]) -> str:
    """EARNINGS, newest first. `reports`: oldest first. A year's first row is the sum so far while the year runs."""
    years = [list(quarters) for _, quarters in groupby(reports, key=lambda report: report.fiscal_end.year)]
    annual = [
        {
            "fiscalDateEnding": quarters[-1].fiscal_end.isoformat(),
            "reportedEPS": _number(sum(report.reported for report in quarters)),
        }
        for quarters in reversed(years)
    ]
    return as_json(
        {
            "symbol": symbol,
            "annualEarnings": annual,
            "quarterlyEarnings": [_quarter(report) for report in reversed(reports)],
        }
    )


def _quarter(report: Report) -> dict[str, str]:
    surprise = report.reported - report.estimated
    return {
        "fiscalDateEnding": report.fiscal_end.isoformat(),
        "reportedDate": report.day.isoformat(),
        "reportedEPS": _number(report.reported),
        "estimatedEPS": _number(report.estimated),
        "surprise": _number(surprise),
        "surprisePercentage": _number(100 * surprise / report.estimated),
        "reportTime": report.time_of_day,
    }


def calendar_csv(book: ReportBook, listings: Iterable[Listing], moment: Moment, months: int) -> str:
    """EARNINGS_CALENDAR: the reports that are still to come within `months`, by day and symbol.

    A later end of the company is not known, so its reports stay in.
    """
    last = _months_later(moment.day, months)
    coming = [
        (listing, report)
        for listing in listings
        for report in book.reports(listing, moment.day, last)
        if not report.known(moment, listing.market)
    ]
    coming.sort(key=lambda pair: (pair[1].day, pair[0].symbol))
    rows = [
        (
            listing.symbol,
            listing.name,
            report.day.isoformat(),
            report.fiscal_end.isoformat(),
            _number(report.estimated),
            major_unit(listing.market),
            report.time_of_day,
        )
        for listing, report in coming
    ]
    return as_csv(CALENDAR_COLUMNS, rows)


def _months_later(day: date, months: int) -> date:
    """The same day of the month, or the month's last one."""
    month = day.month - 1 + months
    first = date(day.year + month // 12, month % 12 + 1, 1)
    following = (first + timedelta(days=32)).replace(day=1)
    return min(first.replace(day=1) + timedelta(days=day.day - 1), following - timedelta(days=1))
