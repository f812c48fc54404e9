"""Keywords: what is generated, what it can cost, and in which order it is asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hedge_master.ingestion.searches import GIVEN, Generate, PastSearch, generated, still_to_ask


@pytest.mark.parametrize(
    ("what", "keywords", "most_calls"),
    [
        (Generate.NOTHING, 0, 0),
        (Generate.DIGITS, 10, 10 + 10 * 36),
        (Generate.LETTERS, 26, 26 + 26 * 36),
        (Generate.BOTH, 36, 36 + 36 * 36),
        (Generate.PAIRS, 676, 676),
    ],
)
def test_what_is_generated_and_what_it_can_cost(what: Generate, keywords: int, most_calls: int) -> None:
    made_up, refining = generated(what, 2)
    assert len(set(made_up)) == len(made_up) == keywords
    assert refining.most_calls(made_up) == most_calls


def test_three_letters_deep_is_what_the_form_says() -> None:
    made_up, refining = generated(Generate.LETTERS, 3)
    assert refining.most_calls(made_up) == 34_658


def test_a_keyword_is_refined_until_it_is_as_long_as_allowed() -> None:
    assert GIVEN.refined("SIM") == [f"SIM{digit}" for digit in "0123456789"]
    assert GIVEN.refined("SIM123456789") == []


def past(day: int, matches: int = 3, counts: bool = False) -> PastSearch:
    return PastSearch(datetime(2020, 6, day, tzinfo=UTC), matches, counts)


def test_the_stalest_keywords_come_first() -> None:
    known = {"new": past(12), "old": past(5), "done": past(14, counts=True)}
    assert still_to_ask(["new", "done", "old", "never"], GIVEN, known) == ["never", "old", "new"]


def test_a_full_answer_that_counts_is_refined_and_not_asked_again() -> None:
    known = {"sim": past(12, matches=10, counts=True), "sim7": past(12, counts=True)}
    assert still_to_ask(["SIM"], GIVEN, known) == [f"SIM{digit}" for digit in "012345689"]


def test_a_keyword_is_asked_once_however_it_is_written() -> None:
    assert still_to_ask([" Tesla", "TESLA ", "", "tesla"], GIVEN, {}) == ["Tesla"]
