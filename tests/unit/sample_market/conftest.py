"""One small world for all tests here: 60 simulated symbols over real calendars, no real prices unless asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sample_market_terms import SEED, START, OpenMarket, ServeMarket

from asgi_server import served
from hedge_master.sample_market.clock import MarketClock
from hedge_master.sample_market.ecb import EcbRates
from hedge_master.sample_market.faults import NO_FAULTS, Faults
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.real_prices import DEFAULT_FOLDER, PRICES_FILE, load_real
from hedge_master.sample_market.server import MarketDateHeader, create_app
from hedge_master.sample_market.sessions import Days, load_sessions
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World
from hedge_master.settings import REPO_ROOT


@pytest.fixture(scope="session")
def sessions() -> dict[str, Days]:
    """Kept between runs: building twenty calendars takes about 8 s."""
    return load_sessions(REPO_ROOT / ".build" / "test_sessions")


@pytest.fixture(scope="session")
def world(sessions: dict[str, Days]) -> World:
    return World(SEED, sessions)


@pytest.fixture(scope="session")
def universe(world: World) -> Universe:
    return Universe({}, world, 60)


@pytest.fixture(scope="session")
def real() -> dict[Listing, History]:
    if not (DEFAULT_FOLDER / PRICES_FILE).is_file():
        pytest.skip(f"real sample prices are not in {DEFAULT_FOLDER} (python -m hedge_master.sample_market.download)")
    return load_real(DEFAULT_FOLDER)


@pytest.fixture(scope="session")
def ecb() -> EcbRates:
    return EcbRates()


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Path:
    """The folder of the recorded answers of the real API."""
    return shared / "alpha_vantage"


@pytest.fixture
def new_app(universe: Universe, ecb: EcbRates, tmp_path: Path) -> Callable[..., MarketDateHeader]:
    """Builds a market: new_app(day=START, at=its end, limits=none, of=the universe, faults=none)."""
    numbers = count()

    def build(
        day: date = START,
        at: time | None = None,
        limits: CallLimits | None = None,
        of: Universe | None = None,
        faults: Faults = NO_FAULTS,
    ) -> MarketDateHeader:
        market = of or universe
        clock = MarketClock(tmp_path / f"clock-{next(numbers)}.json", day - timedelta(days=1), market.sessions())
        clock.set_to(day, at)
        return create_app(market, ecb, clock, limits or CallLimits(0, 0, 0), faults)

    return build


@pytest.fixture
def open_market(new_app: Callable[..., MarketDateHeader]) -> Iterator[OpenMarket]:
    """Opens a market, built with the words of new_app, over HTTP without a socket."""
    with ExitStack() as opened:

        def opener(**words: Any) -> TestClient:
            client = TestClient(new_app(**words), base_url="http://127.0.0.1")
            opened.callback(client.close)
            return client

        yield opener


@pytest.fixture
def serve_market(new_app: Callable[..., MarketDateHeader]) -> Iterator[ServeMarket]:
    """Serves a market, built with the words of new_app, on a free port."""
    with ExitStack() as opened:
        yield lambda **words: opened.enter_context(served(new_app(**words)))
