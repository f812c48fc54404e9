"""banner.py: what stands first on the dashboard is true of the data below it."""

from __future__ import annotations

from types import ModuleType


def test_the_demo_says_what_is_simulated(banner: ModuleType) -> None:
    text = banner.banner("sample")
    for said in ("**SIM** are simulated", "made-up", "AAPL", "ECB"):
        assert said in text


def test_with_the_real_api_nothing_is_called_simulated(banner: ModuleType) -> None:
    text = banner.banner("www.alphavantage.co")
    assert "**www.alphavantage.co**" in text
    assert not {"simulated", "Demo", "SIM"} & set(text.replace("*", " ").replace(".", " ").split())
