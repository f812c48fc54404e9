"""Recorded answers, read by the real parsers; the expectations were read off the recordings by eye."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest

from hedge_master.alpha_vantage import answers
from hedge_master.alpha_vantage.errors import UnreadableAnswer


def test_the_recorded_listing(shared: Path) -> None:
    body = gzip.decompress((shared / "alpha_vantage/payloads/LISTING_STATUS.csv.gz").read_bytes())
    listings = {each.symbol: each for each in answers.listings(body)}
    agilent = listings["A"]
    assert agilent.name == "Agilent Technologies Inc"
    assert (agilent.currency, agilent.region, agilent.status) == ("USD", "United States", "active")
    assert agilent.listed_on == date(1999, 11, 18)
    assert agilent.delisted_on is None


def test_the_recorded_search(shared: Path) -> None:
    found = answers.matches((shared / "alpha_vantage/payloads/SYMBOL_SEARCH_Tesla.json").read_bytes())
    assert [found[0].symbol, found[1].symbol] == ["TSLA", "TL0.DEX"]
    assert (found[1].region, found[1].currency, found[1].timezone) == ("XETRA", "EUR", "UTC+02")


def test_the_recorded_splits(shared: Path) -> None:
    found = answers.splits((shared / "alpha_vantage/payloads/SPLITS_IBM.csv").read_bytes())
    assert [(each.effective_date, each.factor) for each in found] == [
        (date(2021, 11, 4), 1.046),
        (date(1999, 5, 27), 2.0),
    ]


def test_a_symbol_that_never_split_has_no_splits() -> None:
    assert answers.splits(b"effective_date,split_factor\r\n") == []
    assert answers.splits(b"{}") == []


@pytest.mark.parametrize(
    ("parse", "body"),
    [
        (answers.listings, b"symbol,name\nA,B\n"),
        (answers.matches, b'{"matches": []}'),
        (answers.splits, b"effective_date,split_factor\n2020-13-01,2\n"),
    ],
)
def test_another_shape_is_refused_by_name(parse: object, body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        parse(body)  # type: ignore[operator]
