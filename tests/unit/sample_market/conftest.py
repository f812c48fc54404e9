"""One small world for all tests here: 60 simulated symbols over real calendars, no real prices unless asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sample_market_terms import SEED, START, OpenMarket

from hedge_master.sample_market.clock import MarketClock
from hedge_master.sample_market.ecb import EcbRates
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.listing import History, Listing
from hedge_master.sample_market.real_prices import DEFAULT_FOLDER, PRICES_FILE, load_real
from hedge_master.sample_market.server import create_app
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
def open_market(universe: Universe, ecb: EcbRates, tmp_path: Path) -> Iterator[OpenMarket]:
    """Opens a market over HTTP: open_market(day=START, at=its end, limits=none, of=the universe)."""
    clients: list[TestClient] = []

    def opener(
        day: date = START,
        at: time | None = None,
        limits: CallLimits | None = None,
        of: Universe | None = None,
    ) -> TestClient:
        served = of or universe
        clock = MarketClock(tmp_path / f"clock-{len(clients)}.json", day - timedelta(days=1), served.sessions())
        clock.set_to(day, at)
        app = create_app(served, ecb, clock, limits or CallLimits(0, 0, 0))
        client = TestClient(app, base_url="http://127.0.0.1")
        clients.append(client)
        return client

    try:
        yield opener
    finally:
        for client in clients:
            client.close()
