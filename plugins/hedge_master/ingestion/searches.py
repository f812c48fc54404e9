"""Which keywords SYMBOL_SEARCH is asked for: given or generated ones, less those that have their answer already."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

from psycopg2.extensions import connection as Connection

MATCHES_AT_MOST = 10  # SYMBOL_SEARCH never gives more: a full answer may hide others
DEEPEST_KEYWORD = 12
NEVER: Final = datetime.min.replace(tzinfo=UTC)


class Generate(StrEnum):
    """Keywords that are made up instead of given: what each costs in calls, before full answers are refined."""

    NOTHING = "nothing"
    DIGITS = "digits"  # 10
    LETTERS = "letters"  # 26
    BOTH = "letters and digits"  # 36
    PAIRS = "pairs of letters"  # 676


@dataclass(frozen=True)
class Refining:
    """How a full answer is asked for again: with one more of `characters`, as long as the keyword has fewer than
    `deepest`."""

    characters: str
    deepest: int

    def refined(self, keyword: str) -> list[str]:
        if len(keyword) >= self.deepest:
            return []
        return [keyword + character for character in self.characters]

    def most_calls(self, keywords: Sequence[str]) -> int:
        """Calls for these keywords if every answer is full."""
        choices = len(self.characters)
        return sum(choices**more for word in keywords for more in range(max(self.deepest - len(word), 0) + 1))


# Letters would be 26 more calls for each full answer to a given keyword; who wants them gives longer ones.
GIVEN: Final = Refining(string.digits, DEEPEST_KEYWORD)


def generated(what: Generate, deepest: int) -> tuple[list[str], Refining]:
    """The keywords, and how they are refined: up to `deepest` letters and digits, as tickers are made."""
    letters, digits = list(string.ascii_lowercase), list(string.digits)
    keywords = {
        Generate.NOTHING: [],
        Generate.DIGITS: digits,
        Generate.LETTERS: letters,
        Generate.BOTH: letters + digits,
        Generate.PAIRS: [first + second for first in letters for second in letters],
    }[what]
    return keywords, Refining(string.ascii_lowercase + string.digits, deepest)


@dataclass(frozen=True)
class PastSearch:
    """The newest answer to a keyword: when it was asked for, how many matches it had, and whether it still counts, so
    that the keyword is not asked again."""

    asked_at: datetime
    matches: int
    counts: bool


def past_searches(
    warehouse: Connection, run_id: str, market_date: date, again_after_days: int
) -> dict[str, PastSearch]:
    """Keyword in lower case -> its newest answer, from the ledger of calls.

    An answer counts where this run has got it, or another one whose market date is less than `again_after_days` before
    this one's (0: none other's). So a run that was cut off never asks a keyword twice.
    """
    with warehouse.cursor() as cursor:
        cursor.execute(
            """select
                lower(calls.symbol), max(calls.requested_at),
                (array_agg(coalesce(calls.rows, 0) order by calls.requested_at desc))[1],
                coalesce(bool_or(calls.run_id = %s or runs.market_date > %s::date - %s), false)
            from market.api_calls as calls
            left join market.market_dates as runs on calls.run_id = runs.run_id
            where calls.function = 'SYMBOL_SEARCH' and calls.outcome in ('stored', 'nothing_there')
            group by lower(calls.symbol)""",
            (run_id, market_date, again_after_days),
        )
        return {keyword: PastSearch(*rest) for keyword, *rest in cursor.fetchall()}


def still_to_ask(keywords: Iterable[str], refining: Refining, past: Mapping[str, PastSearch]) -> list[str]:
    """The keywords, and the refined ones of those whose last answer was full, that have no answer that counts.

    Those that were never asked come first, then the ones with the oldest answer: where a day's calls do not reach all,
    the next run goes on with the others.
    """
    found: dict[str, datetime] = {}
    seen: set[str] = set()
    waiting = [word.strip() for word in keywords]
    for keyword in waiting:  # grows while it is read
        if not keyword or keyword.lower() in seen:
            continue
        seen.add(keyword.lower())
        last = past.get(keyword.lower())
        if last is not None and last.matches >= MATCHES_AT_MOST:
            waiting += refining.refined(keyword)
        if last is None or not last.counts:
            found[keyword] = NEVER if last is None else last.asked_at
    return sorted(found, key=found.__getitem__)
