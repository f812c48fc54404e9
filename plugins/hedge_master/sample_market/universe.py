"""All symbols that the server serves, real and simulated, as they were known on a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from difflib import SequenceMatcher
from functools import lru_cache
from heapq import nsmallest
from pathlib import Path

from hedge_master.sample_market import simulated
from hedge_master.sample_market.exchanges import UNITED_STATES
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.real_prices import load_real
from hedge_master.sample_market.sessions import Days, load_sessions
from hedge_master.sample_market.world import World

MOST_MATCHES = 10
# About 350 kB each.
HISTORIES_KEPT = 400


class NothingToServe(ValueError):
    """Neither a real nor a simulated symbol is wanted."""


class Universe:
    """Every listing, and the bars behind it. No answer tells anything after the `day` it is asked for."""

    def __init__(self, real: dict[Listing, History], world: World, simulated_symbols: int) -> None:
        self._real = real
        self._world = world
        self.listings: tuple[Listing, ...] = (*real, *simulated.listings(world, simulated_symbols))
        self._by_symbol = {listing.symbol: listing for listing in self.listings}
        self._ordered = sorted(self.listings, key=lambda listing: listing.symbol)
        self._simulate = lru_cache(maxsize=HISTORIES_KEPT)(self._whole_history)

    def sessions(self) -> list[Days]:
        """The trading days of every exchange on which a symbol is listed."""
        markets = {listing.market for listing in self.listings}
        return [self._world.sessions(market) for market in markets]

    def prepare(self) -> None:
        """Computes the factors of every simulated market, so that no request has to wait for them."""
        for market in {listing.market for listing in self.listings if listing.simulated}:
            self._world.factors(market)

    def find(self, symbol: str, day: date) -> Listing | None:
        """The symbol (in any case), delisted ones too; None when it is unknown on `day`."""
        listing = self._by_symbol.get(symbol.strip().upper())
        return listing if listing is not None and listing.known(day) else None

    def history(self, listing: Listing, day: date) -> History:
        """All bars and splits up to `day`."""
        return self._simulate(listing).until(day)

    def listed(self, day: date) -> Iterator[Listing]:
        """Symbols that trade on `day`, in order."""
        return (listing for listing in self._ordered if listing.listed(day))

    def us_listings(self, day: date, delisted: bool) -> list[Listing]:
        """US symbols that trade on `day`, or those that no longer do, in order."""
        return [
            listing
            for listing in self._ordered
            if listing.market is UNITED_STATES and listing.known(day) and listing.delisted(day) is delisted
        ]

    def search(self, keywords: str, day: date) -> list[tuple[Listing, float]]:
        """At most ten listed symbols and their match scores: first those whose symbol begins with `keywords`, in order
        of symbol, then those in whose name every keyword begins a word, best score first."""
        wanted = keywords.lower()
        words = wanted.split()
        if not words:
            return []
        by_symbol, by_name = [], []
        for listing in self.listed(day):
            if listing.symbol.lower().startswith(wanted):
                by_symbol.append(listing)
                if len(by_symbol) == MOST_MATCHES:
                    break
            elif _begins_words(words, listing.name):
                by_name.append(listing)
        room = MOST_MATCHES - len(by_symbol)
        best = nsmallest(room, by_name, key=lambda listing: (-match_score(keywords, listing), listing.symbol))
        return [(listing, match_score(keywords, listing)) for listing in (*by_symbol, *best)]

    def _whole_history(self, listing: Listing) -> History:
        return simulated.simulate(self._world, listing) if listing.simulated else self._real[listing]


def _begins_words(words: list[str], name: str) -> bool:
    own = name.lower().replace("(", " ").replace(")", " ").split()
    return all(any(word.startswith(wanted) for word in own) for wanted in words)


def match_score(keywords: str, listing: Listing) -> float:
    """Likeness of the keywords to the symbol or the name, whichever is greater, from 0 to 1.

    Ratcliff and Obershelp's 2 * matches / (length + length), without case: gives the scores of the recorded answer.
    """
    wanted = keywords.lower()
    return max(SequenceMatcher(None, wanted, text.lower()).ratio() for text in (listing.symbol, listing.name))


def load_universe(prices: Path | None, cache: Path, seed: int, simulated_symbols: int) -> Universe:
    """The universe of the settings. `prices`: folder of the real ones (None: serve none); `cache`: of the sessions.

    Raises RealPricesMissing, NothingToServe.
    """
    if prices is None and simulated_symbols == 0:
        raise NothingToServe(
            "there is nothing to serve: HM_SAMPLE_MARKET_SYMBOLS is 0 and the real prices are left out"
        )
    real = {} if prices is None else load_real(prices)
    return Universe(real, World(seed, load_sessions(cache)), simulated_symbols)
