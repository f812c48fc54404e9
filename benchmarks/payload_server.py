"""Serves the payloads of make_payloads.py as Alpha Vantage would, at the cost of little more than their bytes.

Measured on 2 cores: 500 answers of 1.1 MB a second, 1.7 ms of CPU each.

`python benchmarks/payload_server.py FOLDER --port 18000 --per-minute 1200 --faults rate=0.05,seed=7,kinds=transient`

TIME_SERIES_DAILY in JSON, SPLITS in CSV, and LISTING_STATUS of all symbols; limits, faults, /clock, /faults and the
Date header are the sample market's own. GET /faults counts: calls that no limit refused, and how many different ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import uvicorn
from fastapi import Request, Response
from payload_files import Payloads, symbol_of

from hedge_master.sample_market import answers, notices
from hedge_master.sample_market.clock import MarketClock
from hedge_master.sample_market.connection import SERVED
from hedge_master.sample_market.exchanges import UNITED_STATES
from hedge_master.sample_market.faults import NO_FAULTS, FaultDealer, Faults, parse_faults
from hedge_master.sample_market.faulty import CSV_TYPE, JSON_TYPE, Answer, respond
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.listing import Listing
from hedge_master.sample_market.server import MarketDateHeader, app_with_clock
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE


def _listing(number: int) -> Listing:
    symbol, begun = symbol_of(number), FIRST_MARKET_DATE
    return Listing(symbol, f"{symbol} (simulated)", UNITED_STATES, "NYSE", begun, begun, None, identity=symbol)


class PayloadDesk:
    """Knows the answers of a folder."""

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        day = payloads.manifest.day
        listings = map(_listing, range(payloads.manifest.symbols))
        self._listings = {
            "active": answers.listing_status_csv(listings, day),
            "delisted": answers.listing_status_csv((), day),
        }

    def told(self, call: Mapping[str, str]) -> Answer:
        function = call.get("function", "").upper()
        number = self._payloads.number_of(call.get("symbol", ""))
        outputsize = call.get("outputsize", "compact")
        if function == "TIME_SERIES_DAILY" and number is not None and outputsize in {"compact", "full"}:
            return Answer(self._payloads.series(number, outputsize), JSON_TYPE)
        if function == "SPLITS" and number is not None and call.get("datatype") == "csv":
            return Answer(self._payloads.splits(number), CSV_TYPE)
        if function == "LISTING_STATUS" and call.get("state", "active") in self._listings:
            return Answer(self._listings[call.get("state", "active")], CSV_TYPE)
        return Answer(answers.as_json(notices.invalid_call(function)), JSON_TYPE)

    def another_symbol(self, call: Mapping[str, str]) -> str | None:
        number = self._payloads.number_of(call.get("symbol", ""))
        if number is None or self._payloads.manifest.symbols == 1:
            return None
        return symbol_of((number + 1) % self._payloads.manifest.symbols)


def create_app(folder: Path, limits: CallLimits, faults: Faults = NO_FAULTS) -> MarketDateHeader:
    """The application over a folder of payloads; its clock stands at the end of the newest bar's day."""
    payloads = Payloads(folder)
    desk, dealer = PayloadDesk(payloads), FaultDealer(faults)
    days = np.arange(np.datetime64(FIRST_MARKET_DATE), np.datetime64(LAST_MARKET_DATE) + 1)
    clock = MarketClock(folder / "clock.json", payloads.manifest.day, [days[np.is_busday(days)]])
    app = app_with_clock(clock)

    # On the event loop: there is nothing to compute and nothing to read.
    @app.get("/query")
    async def query(request: Request) -> Response:
        return respond(desk, limits, dealer, request.query_params)

    @app.get("/faults")
    async def show_faults() -> dict[str, object]:
        return dealer.tally()

    @app.get("/health")
    async def health() -> dict[str, object]:
        return {"status": "ok", "market_date": clock.moment.day.isoformat(), "symbols": payloads.manifest.symbols}

    return MarketDateHeader(app, clock)


def _faults(text: str) -> Faults:
    try:
        return parse_faults(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=18000)
    for span in ("second", "minute", "day"):
        parser.add_argument(f"--per-{span}", type=int, default=0, metavar="CALLS", help="0 = no limit")
    parser.add_argument("--faults", type=_faults, default=NO_FAULTS, help="as HM_SAMPLE_MARKET_FAULTS")
    options = parser.parse_args(argv)
    limits = CallLimits(options.per_second, options.per_minute, options.per_day)
    uvicorn.run(create_app(options.folder, limits, options.faults), port=options.port, **SERVED)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
