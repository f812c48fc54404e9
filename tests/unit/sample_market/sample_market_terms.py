"""What the tests of the sample market share by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from fastapi.testclient import TestClient

SEED = 2020
START = date(2020, 6, 12)

# Opens a market over HTTP: open_market(day=START, at=its end, limits=none, of=the small universe).
OpenMarket = Callable[..., TestClient]
# Opens the same market behind a real socket and gives its address.
ServeMarket = Callable[..., str]
