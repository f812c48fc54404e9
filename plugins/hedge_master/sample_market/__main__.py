"""Starts the sample market server: `python -m hedge_master.sample_market [--prices FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from hedge_master.sample_market.clock import ClockFileError
from hedge_master.sample_market.connection import SERVED
from hedge_master.sample_market.real_prices import DEFAULT_FOLDER, RealPricesMissing
from hedge_master.sample_market.server import app_from_settings
from hedge_master.sample_market.universe import NothingToServe
from hedge_master.settings import SettingsError, load_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop (SIGTERM, SIGINT). 1 and the reason on stderr when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m hedge_master.sample_market", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--prices", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER", help="default: %(default)s")
    source.add_argument("--without-real-prices", action="store_true", help="serve only the simulated world")
    options = parser.parse_args(argv)
    try:
        settings = load_settings()
        app = app_from_settings(settings, None if options.without_real_prices else options.prices)
    except (SettingsError, RealPricesMissing, NothingToServe, ClockFileError) as error:
        print(error, file=sys.stderr)
        return 1
    uvicorn.run(app, port=settings.sample_market_port, **SERVED)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
