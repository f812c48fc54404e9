"""All symbols that the server serves, real and simulated, as they were known at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from difflib import SequenceMatcher
from functools import lru_cache, partial
from heapq import nsmallest
from pathlib import Path

import numpy as np

from hedge_master.sample_market import cast, simulated
from hedge_master.sample_market.blemish import ALL_BLEMISHES, Blemish, Blemishes
from hedge_master.sample_market.exchanges import UNITED_STATES, Market, in_major_units
from hedge_master.sample_market.feed import Feed
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.real_prices import load_real
from hedge_master.sample_market.reports import ReportBook
from hedge_master.sample_market.sessions import Days, load_sessions
from hedge_master.sample_market.world import World

MOST_MATCHES = 10
# About 350 kB each.
HISTORIES_KEPT = 400


class NothingToServe(ValueError):
    """Neither a real nor a simulated symbol is wanted."""


class Universe:
    """Every listing, and the bars behind it. No answer tells anything after the `moment` it is asked for."""

    def __init__(
        self,
        real: dict[Listing, History],
        world: World,
        simulated_symbols: int,
        blemishes: Blemishes = ALL_BLEMISHES,
    ) -> None:
        self._real = real
        self._world = world
        self._blemishes = blemishes
        members = {member.identity: member for member in cast.playing(blemishes)} if simulated_symbols else {}
        self._cast = members
        self.listings: tuple[Listing, ...] = (
            *real,
            *map(self._quoted, simulated.listings(world, simulated_symbols)),
            *(self._quoted(each.listing(each.market, world.sessions(each.market))) for each in members.values()),
        )
        self._by_symbol: dict[str, list[Listing]] = defaultdict(list)
        for listing in self.listings:
            self._by_symbol[listing.symbol].append(listing)
        self._ordered = sorted(self.listings, key=lambda listing: listing.symbol)
        self.reports = ReportBook(world)
        self._feed = lru_cache(maxsize=HISTORIES_KEPT)(self._new_feed)

    def reports_of(self, listing: Listing) -> bool:
        """Whether the company's reports are told: no real one's, and none while they move no price."""
        return listing.simulated and Blemish.EARNINGS_MOVES in self._blemishes

    @property
    def seed(self) -> int:
        return self._world.seed

    @property
    def simulated_symbols(self) -> int:
        return len({listing.symbol for listing in self.listings if listing.simulated})

    def sessions(self) -> list[Days]:
        """The trading days of every exchange on which a symbol is listed."""
        markets = {listing.market for listing in self.listings}
        return [self._world.sessions(market) for market in markets]

    def is_session(self, market: Market, day: date) -> bool:
        return bool(np.isin(np.datetime64(day), self._world.sessions(market)))

    def prepare(self) -> None:
        """Computes the factors of every simulated market, so that no request has to wait for them."""
        for market in {listing.market for listing in self.listings if listing.simulated}:
            self._world.factors(market)

    def find(self, symbol: str, moment: Moment) -> Listing | None:
        """The latest company of the symbol (in any case), delisted ones too; None when it is unknown at `moment`."""
        known = (each for each in self._by_symbol.get(symbol.strip().upper(), ()) if self._known(each, moment))
        return max(known, key=lambda listing: listing.first_bar, default=None)

    def history(self, listing: Listing, moment: Moment) -> History:
        """Bars and splits as they are served at `moment`."""
        if listing.simulated:
            return self._feed(listing).at(moment)
        return self._real[listing].until(self._newest_day(listing.market, moment, half_finished=False))

    def listed(self, moment: Moment) -> Iterator[Listing]:
        """Symbols that trade at `moment`, in order."""
        return (each for each in self._all_known(moment) if not each.delisted(moment.day))

    def us_listings(self, moment: Moment, delisted: bool) -> list[Listing]:
        """US symbols that trade at `moment`, or those that no longer do, in order."""
        return [
            listing
            for listing in self._all_known(moment)
            if listing.market is UNITED_STATES and listing.delisted(moment.day) is delisted
        ]

    def search(self, keywords: str, moment: Moment) -> list[tuple[Listing, float]]:
        """At most ten listed symbols and their match scores: first those whose symbol begins with `keywords`, in order
        of symbol, then those in whose name every keyword begins a word, best score first."""
        wanted = keywords.lower()
        words = wanted.split()
        if not words:
            return []
        by_symbol, by_name = [], []
        for listing in self.listed(moment):
            if listing.symbol.lower().startswith(wanted):
                by_symbol.append(listing)
                if len(by_symbol) == MOST_MATCHES:
                    break
            elif _begins_words(words, listing.name):
                by_name.append(listing)
        room = MOST_MATCHES - len(by_symbol)
        best = nsmallest(room, by_name, key=lambda listing: (-match_score(keywords, listing), listing.symbol))
        return [(listing, match_score(keywords, listing)) for listing in (*by_symbol, *best)]

    def _quoted(self, listing: Listing) -> Listing:
        """The listing in pence where the blemish is on, else in pounds."""
        if Blemish.MINOR_UNITS in self._blemishes:
            return listing
        quoted = in_major_units(listing.market)
        return listing if quoted == listing.market else replace(listing, market=quoted)

    def _newest_day(self, market: Market, moment: Moment, half_finished: bool) -> date:
        """The newest day of which a bar of the market can be served."""
        served = market.share_over(moment) == 1.0 or (half_finished and market.open_now(moment))
        return moment.day if served else moment.day - timedelta(days=1)

    def _known(self, listing: Listing, moment: Moment) -> bool:
        return listing.known(self._newest_day(listing.market, moment, self._half_finished(listing)))

    def _half_finished(self, listing: Listing) -> bool:
        return listing.simulated and Blemish.HALF_FINISHED_BAR in self._blemishes

    def _all_known(self, moment: Moment) -> Iterator[Listing]:
        """As `_known`, with one look at the clock for all symbols of a market."""
        newest: dict[tuple[str, bool], date] = {}
        for listing in self._ordered:
            key = (listing.market.suffix, listing.simulated)
            if key not in newest:
                newest[key] = self._newest_day(listing.market, moment, self._half_finished(listing))
            if listing.known(newest[key]):
                yield listing

    def _new_feed(self, listing: Listing) -> Feed:
        member = self._cast.get(listing.identity or "")
        truth = simulated.simulate(
            self._world,
            listing,
            partial(self.reports.loudness, listing) if self.reports_of(listing) else simulated.calm,
            member.collapses if member else (),
        )
        sessions = self._world.sessions(listing.market)
        return Feed(self._world.seed, listing, truth, sessions, self._blemishes, member.errors if member else None)


def _begins_words(words: list[str], name: str) -> bool:
    own = name.lower().replace("(", " ").replace(")", " ").split()
    return all(any(word.startswith(wanted) for word in own) for wanted in words)


def match_score(keywords: str, listing: Listing) -> float:
    """Likeness of the keywords to the symbol or the name, whichever is greater, from 0 to 1.

    Ratcliff and Obershelp's 2 * matches / (length + length), without case: gives the scores of the recorded answer.
    """
    wanted = keywords.lower()
    return max(SequenceMatcher(None, wanted, text.lower()).ratio() for text in (listing.symbol, listing.name))


def load_universe(
    prices: Path | None, cache: Path, seed: int, simulated_symbols: int, blemishes: Blemishes = ALL_BLEMISHES
) -> Universe:
    """The universe of the settings. `prices`: folder of the real ones (None: serve none); `cache`: of the sessions.

    Raises RealPricesMissing, NothingToServe.
    """
    if prices is None and simulated_symbols == 0:
        raise NothingToServe(
            "there is nothing to serve: HM_SAMPLE_MARKET_SYMBOLS is 0 and the real prices are left out"
        )
    real = {} if prices is None else load_real(prices)
    return Universe(real, World(seed, load_sessions(cache)), simulated_symbols, blemishes)
