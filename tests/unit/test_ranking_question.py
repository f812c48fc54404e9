"""What a question to the ranking may say: measures by name and currency, look-backs."""

from __future__ import annotations

import pytest

from hedge_master.ranking import RankingError, look_back_interval, measure_named


@pytest.mark.parametrize(
    ("name", "local", "dollars"),
    [
        ("volatility", "volatility", "volatility_usd"),
        ("deviation_pct", "deviation_pct_local", "deviation_pct"),
        ("price_deviation", "price_deviation_local", "price_deviation"),
    ],
)
def test_a_measure_has_its_like_in_the_other_currency(name: str, local: str, dollars: str) -> None:
    for asked in (local, dollars):
        assert measure_named(asked) == asked
        assert measure_named(asked, "local") == local
        assert measure_named(asked, "usd") == dollars
    assert name in (local, dollars)


@pytest.mark.parametrize(
    "name", ["parkinson", "garman_klass", "rogers_satchell", "yang_zhang", "greatest_absolute_move"]
)
def test_what_is_taken_in_the_quoted_currency_only_says_so(name: str) -> None:
    assert measure_named(name, "local") == name
    with pytest.raises(RankingError) as error:
        measure_named(name, "usd")
    both = "volatility, deviation_pct, price_deviation"
    assert str(error.value) == f'in is "usd": {name} is in the quoted currency only; in both are {both}'


@pytest.mark.parametrize(
    ("text", "interval"), [("1y", "1 years"), ("18m", "18 months"), ("8w", "8 weeks"), ("45d", "45 days")]
)
def test_a_look_back_is_a_number_and_a_unit(text: str, interval: str) -> None:
    assert look_back_interval(text) == interval


@pytest.mark.parametrize("text", ["", "y", "0d", "-1y", "1.5y", "1 y", "1h", "999999d"])
def test_any_other_look_back_is_told_how_to_be_written(text: str) -> None:
    with pytest.raises(RankingError, match="not a number with d, w, m or y"):
        look_back_interval(text)


@pytest.mark.parametrize(("text", "longest"), [("101y", "100y"), ("99999d", "36500d")])
def test_a_century_is_the_longest(text: str, longest: str) -> None:
    with pytest.raises(RankingError, match=f'look-back is "{text}": longer than {longest}'):
        look_back_interval(text)
