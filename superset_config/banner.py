"""What stands first on the dashboard: which of the data on it is real."""

from __future__ import annotations

SAMPLE = "sample"

_RATES = "Exchange rates are the ECB's."


def banner(source: str) -> str:
    """The banner's Markdown. `source`: "sample" for the sample market server, else the host that prices come from."""
    if source == SAMPLE:
        return (
            "**Demo data.** Symbols that begin with **SIM** are simulated: made-up companies and prices. "
            f"All others (AAPL, NVDA...) are real, from public packages. {_RATES}"
        )
    return f"Prices are those that **{source}** delivered, adjusted for splits, not for dividends. {_RATES}"
