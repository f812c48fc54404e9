"""Reads when companies report: EARNINGS (what they have reported) and EARNINGS_CALENDAR (what is to come)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from hedge_master.alpha_vantage.fields import Fields, csv_rows, json_object

CALENDAR_COLUMNS = {"symbol", "name", "reportDate", "fiscalDateEnding", "estimate", "currency"}


@dataclass(frozen=True)
class AnnualEarnings:
    """Earnings of a fiscal year per share, in the currency in which the company reports; None: not told."""

    fiscal_date_ending: date
    reported_eps: float | None


@dataclass(frozen=True)
class QuarterlyEarnings:
    """Earnings of a fiscal quarter per share, as reported and as analysts had expected; None: not told.

    `surprise` = reported - estimated; `surprise_percentage`: of the estimate. `report_time`: pre-market or post-market.
    """

    fiscal_date_ending: date
    reported_date: date | None
    reported_eps: float | None
    estimated_eps: float | None
    surprise: float | None
    surprise_percentage: float | None
    report_time: str | None


@dataclass(frozen=True)
class Earnings:
    """What a company has reported, newest first. A running year stands in `annual` with its sum so far."""

    symbol: str
    annual: tuple[AnnualEarnings, ...]
    quarterly: tuple[QuarterlyEarnings, ...]


@dataclass(frozen=True)
class ReportToCome:
    """A report that a company is expected to give on `report_date`; None: not told. `estimate`: per share."""

    symbol: str
    name: str
    report_date: date
    fiscal_date_ending: date | None
    estimate: float | None
    currency: str | None
    time_of_day: str | None


def earnings(body: bytes) -> Earnings:
    """EARNINGS (JSON)."""
    answer = json_object("EARNINGS", body)
    return Earnings(
        symbol=answer.text("symbol"),
        annual=tuple(
            AnnualEarnings(year.day("fiscalDateEnding"), year.number_or_none("reportedEPS"))
            for year in answer.objects("annualEarnings")
        ),
        quarterly=tuple(_quarter(quarter) for quarter in answer.objects("quarterlyEarnings")),
    )


def earnings_calendar(body: bytes) -> list[ReportToCome]:
    """EARNINGS_CALENDAR (CSV), by date; an empty list where none is known."""
    return [
        ReportToCome(
            symbol=row.text("symbol"),
            name=row.text("name") or row.text("symbol"),
            report_date=row.day("reportDate"),
            fiscal_date_ending=row.day_or_none("fiscalDateEnding"),
            estimate=row.number_or_none("estimate"),
            currency=row.text_or_none("currency"),
            time_of_day=row.text_or_none("timeOfTheDay"),
        )
        for row in csv_rows("EARNINGS_CALENDAR", body, CALENDAR_COLUMNS)
    ]


def _quarter(quarter: Fields) -> QuarterlyEarnings:
    return QuarterlyEarnings(
        fiscal_date_ending=quarter.day("fiscalDateEnding"),
        reported_date=quarter.day_or_none("reportedDate"),
        reported_eps=quarter.number_or_none("reportedEPS"),
        estimated_eps=quarter.number_or_none("estimatedEPS"),
        surprise=quarter.number_or_none("surprise"),
        surprise_percentage=quarter.number_or_none("surprisePercentage"),
        report_time=quarter.text_or_none("reportTime"),
    )
