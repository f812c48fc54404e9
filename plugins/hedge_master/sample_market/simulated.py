"""Simulated stocks: who they are, and their daily bars from first to last day.

The log price of a stock (in today's shares) is

    ln P_t = ln P_0 + trend * t + beta * world + gamma * market + x_t,   x_t = (1 - KAPPA) * x_{t-1} + e_t,
    e_t = sigma * storm'_t * report_t * sqrt(h_t) * z_t,   h GARCH(1,1), z standardised Student-t

(see `world` for the factors and GARCH). The pull KAPPA of its own part back to the trend has a half-life of 18 months:
without it a stock of 100% volatility would be worth a million times more, or nothing, after 24 years.
Open, high and low: a quarter of a day's variance falls before the open, the rest is a Brownian bridge from open to
close, whose maximum M over a day of variance s^2 has the exact law M = (c + sqrt(c^2 - 2 s^2 ln U)) / 2, U uniform, c
the move from open to close (Karatzas & Shreve 1991, 4.3.40); high and low are drawn independently of each other.
A path is always computed to the end and then cut, so history up to a day never depends on the market clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from hedge_master.sample_market.exchanges import DEAL, UNITED_STATES, Market
from hedge_master.sample_market.listing import History, Listing, Split
from hedge_master.sample_market.names import company_name
from hedge_master.sample_market.seeds import generator, uniforms
from hedge_master.sample_market.sessions import Days
from hedge_master.sample_market.world import (
    MARKET_VOLATILITY,
    TRADING_DAYS_A_YEAR,
    WORLD_VOLATILITY,
    Factors,
    Floats,
    World,
    garch,
    student_shocks,
)
from hedge_master.settings import FIRST_MARKET_DATE

# A stock's calm volatility a year: log-normal, cut at both ends.
MEDIAN_VOLATILITY, VOLATILITY_SPREAD = 0.24, 0.55
LOWEST_VOLATILITY, HIGHEST_VOLATILITY = 0.11, 0.85
# Share of a stock's calm variance that the two factors explain, and the largest exposure to each of them.
LOWEST_COMMON_SHARE, HIGHEST_COMMON_SHARE = 0.15, 0.55
WORLD_PART_OF_COMMON = 0.75
LARGEST_BETA = 2.0
# A storm that multiplies the factors' volatility by m multiplies the stock's own by 1 + OWN_STORM * (m - 1).
OWN_STORM = 0.2
KAPPA = np.log(2) / (1.5 * TRADING_DAYS_A_YEAR)
TREND, TREND_SPREAD = 0.01, 0.02  # log points a year: mean and deviation between stocks
OVERNIGHT_SHARE = 0.25
# Largest log move of a day out of its own part: takeover bids and ruined drugs, but no thousandfold.
LARGEST_OWN_MOVE = 0.6

PRINTED_DECIMALS = 4

LATE_SHARE = 0.22  # of the symbols begin after 1999
DELISTED_SHARE = 0.05
FIRST_LATE, LAST_LATE = date(1999, 7, 1), date(2022, 6, 30)
LAST_DELISTING = date(2023, 6, 30)
SHORTEST_LIFE = timedelta(days=3 * 365)

# Before a scripted 1-for-1000 a share closes at 3 cents, and never under 2: no quote then falls under one cent, where 4
# decimals would leave less than 3 digits.
COLLAPSED, LOWEST_COLLAPSED = 0.03, 0.02

SPLITTING_SHARE = 0.7  # of the stocks ever split forward
SPLIT_FACTORS, SPLIT_WEIGHTS = (2.0, 3.0, 1.5, 4.0, 5.0, 10.0), (0.55, 0.15, 0.1, 0.1, 0.06, 0.04)
REVERSE_FACTOR = 0.1
REVERSE_BELOW = 1 / 20  # of the market's typical price
SPLIT_NOTICE = 25  # sessions between the price that prompts a split and the split
SPLIT_PAUSE = 250  # sessions before the next one is thought of


def serials(count: int) -> list[int]:
    """The first `count` serial numbers: none ends in 9, so that ten symbols never share all digits but the last."""
    return [ordinal + ordinal // 9 for ordinal in range(count)]


def listings(world: World, count: int) -> list[Listing]:
    """The first `count` simulated symbols. One more changes no other, except the zeros that pad the number."""
    numbers = serials(count)
    width = max(3, len(str(numbers[-1]))) if numbers else 3
    return [
        _listing(world, serial, DEAL[ordinal % len(DEAL)], f"SIM{serial:0{width}d}")
        for ordinal, serial in enumerate(numbers)
    ]


def _between(first: date, last: date, share: float) -> date:
    return first + (last - first) * share


def calm(days: Days) -> Floats:
    """The loudness of days without a report."""
    return np.ones(len(days))


def _listing(world: World, serial: int, market: Market, stem: str) -> Listing:
    identity = f"SIM{serial}{market.suffix}"
    late, when, dies, died, name_stem, trade, form, board = uniforms(world.seed, f"listing {identity}")
    sessions = world.sessions(market)
    ipo = _between(FIRST_LATE, LAST_LATE, when) if late < LATE_SHARE else FIRST_MARKET_DATE
    first = sessions[np.searchsorted(sessions, np.datetime64(ipo))].item()
    last = None
    if dies < DELISTED_SHARE and first + SHORTEST_LIFE < LAST_DELISTING:
        day = _between(first + SHORTEST_LIFE, LAST_DELISTING, died)
        last = sessions[np.searchsorted(sessions, np.datetime64(day))].item()
    exchange = ("NASDAQ" if board < 0.6 else "NYSE") if market is UNITED_STATES else ""
    name = company_name(market, name_stem, trade, form)
    return Listing(f"{stem}{market.suffix}", name, market, exchange, first, first, last, identity)


def simulate(
    world: World,
    listing: Listing,
    loudness: Callable[[Days], Floats] = calm,
    collapses: tuple[Split, ...] = (),
) -> History:
    """All bars of one simulated stock up to LAST_MARKET_DATE or its last day. 3 ms.

    `loudness`: of the days of its reports, given its sessions. `collapses`: reverse splits, oldest first, before each
    of which the price falls to a few cents; such a stock has no other splits.
    """
    random = generator(world.seed, f"path {listing.identity}")
    factors = world.factors(listing.market)
    start = int(np.searchsorted(factors.days, np.datetime64(listing.first_bar)))
    days = factors.days[start:]

    log_price, variance = _log_price(random, factors, start, loudness(days))
    market = listing.market
    first_price = market.typical_price * np.exp(0.6 * random.standard_normal())
    if collapses:
        factor, splits = _shares(days, collapses), collapses
        log_price = collapsing(log_price, days, factor, market.typical_price) + np.log(market.typical_price)
        adjusted = _bars(random, log_price, variance)
        turnover = market.typical_price / (adjusted[:, 3] / factor)
    else:
        adjusted = _bars(random, np.log(first_price) + log_price, variance)
        factor, splits = _splits(random, adjusted[:, 3], days, market)
        turnover = factor * (market.typical_price / first_price)
    prices = printed(adjusted / factor[:, None], market)
    volumes = _volumes(random, log_price, variance, turnover)

    whole = History(days, prices, volumes, splits)
    return whole if listing.last_bar is None else whole.until(listing.last_bar)


def _log_price(random: np.random.Generator, factors: Factors, start: int, loudness: Floats) -> tuple[Floats, Floats]:
    """Log price against the first day's, and the conditional variance of each day's return, from session `start`."""
    count = len(factors.days) - start
    volatility = float(
        np.clip(
            MEDIAN_VOLATILITY * np.exp(VOLATILITY_SPREAD * random.standard_normal()),
            LOWEST_VOLATILITY,
            HIGHEST_VOLATILITY,
        )
    )
    common = random.uniform(LOWEST_COMMON_SHARE, HIGHEST_COMMON_SHARE)
    beta = min(volatility * np.sqrt(common * WORLD_PART_OF_COMMON) / WORLD_VOLATILITY, LARGEST_BETA)
    gamma = min(volatility * np.sqrt(common * (1 - WORLD_PART_OF_COMMON)) / MARKET_VOLATILITY, LARGEST_BETA)
    explained = (beta * WORLD_VOLATILITY) ** 2 + (gamma * MARKET_VOLATILITY) ** 2
    own_daily = np.sqrt((volatility**2 - explained) / TRADING_DAYS_A_YEAR)

    shocks = student_shocks(random, count)
    own_deviation = own_daily * (1 + OWN_STORM * (factors.storm[start:] - 1)) * loudness
    own_variance = own_deviation**2 * garch(shocks)
    own = _pulled_back(np.clip(np.sqrt(own_variance) * shocks, -LARGEST_OWN_MOVE, LARGEST_OWN_MOVE))

    trend = random.normal(TREND, TREND_SPREAD) / TRADING_DAYS_A_YEAR
    log_price = (
        trend * np.arange(count)
        + beta * np.cumsum(factors.world[start:])
        + gamma * np.cumsum(factors.market[start:])
        + own
    )
    variance = beta**2 * factors.world_variance[start:] + gamma**2 * factors.market_variance[start:] + own_variance
    return log_price - log_price[0], variance


def _pulled_back(steps: Floats) -> Floats:
    """x_t = (1 - KAPPA) * x_{t-1} + step_t, x before the first step = 0."""
    path = np.empty(len(steps))
    level, keep = 0.0, 1.0 - float(KAPPA)
    for position, step in enumerate(steps.tolist()):
        level = keep * level + step
        path[position] = level
    return path


def _bars(random: np.random.Generator, log_close: Floats, variance: Floats) -> Floats:
    """(n, 4) open, high, low, close before splits and rounding."""
    count = len(log_close)
    moves = np.diff(log_close, prepend=log_close[0])
    # Given the whole move, the overnight part of two independent normal parts has this mean and this variance.
    spread = np.sqrt(OVERNIGHT_SHARE * (1 - OVERNIGHT_SHARE) * variance)
    overnight = OVERNIGHT_SHARE * moves + spread * random.standard_normal(count)
    day = moves - overnight
    width = -2.0 * (1 - OVERNIGHT_SHARE) * variance
    up = (day + np.sqrt(day**2 + width * np.log(1.0 - random.random(count)))) / 2
    down = (day - np.sqrt(day**2 + width * np.log(1.0 - random.random(count)))) / 2
    log_open = log_close - day
    return np.exp(np.column_stack([log_open, log_open + up, log_open + down, log_close]))


def _shares(days: Days, splits: tuple[Split, ...]) -> Floats:
    """Shares that one share of the first day has become by each day."""
    shares = np.ones(len(days))
    for split in splits:
        shares[days >= np.datetime64(split.effective)] *= split.factor
    return shares


def collapsing(log_price: Floats, days: Days, shares: Floats, first_price: float) -> Floats:
    """The path bent so that the price falls to COLLAPSED on the eve of every reverse split and is first_price at first.

    Returns the log of the price in shares of the first day, against the first day's. Between the bends the path keeps
    its wiggles, as a Brownian bridge does; the price never closes under LOWEST_COLLAPSED, so that its quotes, in 4
    decimals, have 3 significant digits at least.
    """
    eves = np.flatnonzero(np.diff(shares))
    at = np.concatenate([[0], eves])
    wanted = np.log(np.concatenate([[first_price], np.full(len(eves), COLLAPSED)]) * shares[at])
    # Beyond the last eve the path goes on from there as it was.
    bent = log_price + np.interp(np.arange(len(days)), at, wanted - log_price[at])
    floored: Floats = np.maximum(bent, np.log(LOWEST_COLLAPSED * shares))
    floored -= np.log(first_price)
    return floored


def _splits(random: np.random.Generator, close: Floats, days: Days, market: Market) -> tuple[Floats, tuple[Split, ...]]:
    """Shares that one share of the first day has become by each day, and the splits that made them.

    A split is prompted by a close alone and comes SPLIT_NOTICE sessions later, so it never looks ahead.
    """
    too_dear = market.typical_price * random.uniform(2.0, 6.0) if random.random() < SPLITTING_SHARE else np.inf
    too_cheap = market.typical_price * REVERSE_BELOW
    shares = np.ones(len(close))
    splits: list[Split] = []
    position = 0
    while True:
        raw = close[position:] / shares[position:]
        prompted = (raw > too_dear) | (raw < too_cheap)
        if not prompted.any():
            return shares, tuple(splits)
        at = position + int(prompted.argmax())
        dear = close[at] / shares[at] > too_dear
        factor = float(random.choice(SPLIT_FACTORS, p=SPLIT_WEIGHTS)) if dear else REVERSE_FACTOR
        effective = at + SPLIT_NOTICE
        if effective >= len(close):
            return shares, tuple(splits)
        shares[effective:] *= factor
        splits.append(Split(days[effective].item(), factor))
        position = effective + SPLIT_PAUSE
        if position >= len(close):
            return shares, tuple(splits)


def printed(prices: Floats, market: Market) -> Floats:
    """Rounded as the market quotes. Rounding keeps the order of numbers, so low <= open, close <= high survives."""
    fine_decimals = min(market.decimals + 2, PRINTED_DECIMALS)
    coarse, fine = np.round(prices, market.decimals), np.round(prices, fine_decimals)
    return np.maximum(np.where(prices < market.fine_below, fine, coarse), 10.0**-fine_decimals)


def _volumes(
    random: np.random.Generator, log_price: Floats, variance: Floats, turnover: Floats
) -> npt.NDArray[np.int64]:
    """Shares traded: more on days of large moves; log-normal between stocks; in proportion to `turnover`."""
    usual = 3e5 * np.exp(1.3 * random.standard_normal())
    moves = np.abs(np.diff(log_price, prepend=log_price[0])) / np.sqrt(variance)
    noise = 0.3 * random.standard_normal(len(variance))
    # Volume follows volatility (Clark 1973) with an exponent under one, against the stock's own typical day.
    busy = 0.4 * np.log(variance / np.median(variance)) + 0.35 * (moves - 0.7)
    volumes: Floats = usual * turnover * np.exp(np.clip(noise + busy, -4.0, 4.0))
    return np.maximum(np.rint(volumes).astype(np.int64), 1)
