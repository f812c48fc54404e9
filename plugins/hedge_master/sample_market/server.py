"""The HTTP face: /query as Alpha Vantage's, /stats as the ECB's, and /clock, /health and /faults of our own."""

from __future__ import annotations

from datetime import date
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hedge_master.sample_market.clock import ClockRefused, MarketClock
from hedge_master.sample_market.ecb import EcbRates, NoRatesYet, last_published
from hedge_master.sample_market.faults import NO_FAULTS, FaultDealer, Faults
from hedge_master.sample_market.faulty import respond
from hedge_master.sample_market.fx import ExchangeRates
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.moment import time_of_day
from hedge_master.sample_market.query import QueryDesk
from hedge_master.sample_market.universe import Universe, load_universe
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE, Settings

# A page in the user's browser that names this machine by another name (DNS rebinding) is turned away.
LOCAL_NAMES = ["127.0.0.1", "localhost"]


ZIP_TYPE = "application/zip"


class ClockMove(BaseModel):
    """Either a date, with a time inside the day or without, or a number of trading days."""

    model_config = ConfigDict(extra="forbid")

    market_date: date | None = None
    market_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    advance_trading_days: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ClockMove:
        lonely_time = self.market_time is not None and self.market_date is None
        if (self.market_date is None) == (self.advance_trading_days is None) or lonely_time:
            raise ValueError(
                "give either market_date (YYYY-MM-DD), alone or with market_time (HH:MM in UTC), or "
                "advance_trading_days (1 or more)"
            )
        return self


class MarketDateHeader:
    """Puts the market clock into the standard Date header of every response, as the far end's own time.

    Outermost, so that refusals and failures carry it too; uvicorn's own Date header is switched off.
    """

    def __init__(self, app: ASGIApp, clock: MarketClock) -> None:
        self.app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The form of RFC 9110, 5.6.7: Fri, 12 Jun 2020 23:59:59 GMT.
                instant = self._clock.moment.instant
                MutableHeaders(scope=message)["date"] = format_datetime(instant, usegmt=True)
            await send(message)

        await self.app(scope, receive, dated)


def _clock_state(clock: MarketClock) -> dict[str, Any]:
    coming = clock.next_trading_day
    return {
        **clock.moment.as_json(),
        "is_trading_day": clock.is_trading_day,
        "next_trading_day": coming.isoformat() if coming else None,
        "first_market_date": FIRST_MARKET_DATE.isoformat(),
        "last_market_date": LAST_MARKET_DATE.isoformat(),
    }


def app_with_clock(clock: MarketClock) -> FastAPI:
    """An application that answers this machine only and has nothing but /clock; to be wrapped in MarketDateHeader."""
    app = FastAPI(title="Hedge Master sample market", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOCAL_NAMES)

    @app.exception_handler(RequestValidationError)
    async def bad_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        reasons = (f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
        return JSONResponse({"detail": "; ".join(reasons)}, status_code=422)

    @app.get("/clock")
    def show_clock() -> dict[str, Any]:
        return _clock_state(clock)

    @app.post("/clock")
    def move_clock(move: ClockMove) -> dict[str, Any]:
        try:
            if move.market_date is not None:
                clock.set_to(move.market_date, time_of_day(move.market_time) if move.market_time else None)
            elif move.advance_trading_days is not None:
                clock.advance(move.advance_trading_days)
        except ClockRefused as refused:
            raise HTTPException(409, str(refused)) from None
        return _clock_state(clock)

    return app


def create_app(
    universe: Universe, rates: EcbRates, clock: MarketClock, limits: CallLimits, faults: Faults = NO_FAULTS
) -> MarketDateHeader:
    """The application; nothing is read from outside its arguments.

    Whoever owns the clocks of `limits` owns the server's seconds, minutes and days.
    """
    app = app_with_clock(clock)
    desk = QueryDesk(universe, ExchangeRates(universe.seed, rates), lambda: clock.moment)
    dealer = FaultDealer(faults)
    simulated = universe.simulated_symbols

    @app.exception_handler(NoRatesYet)
    async def no_rates(_request: Request, error: NoRatesYet) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=404)

    # Plain functions: FastAPI runs them in its thread pool, so that a long history blocks no other caller.
    @app.get("/query")
    def query(request: Request) -> Response:
        return respond(desk, limits, dealer, request.query_params)

    @app.get("/stats/eurofxref/eurofxref-hist.zip")
    def ecb_history() -> Response:
        return Response(rates.history_zip(last_published(clock.moment)), media_type=ZIP_TYPE)

    @app.get("/stats/eurofxref/eurofxref.zip")
    def ecb_daily() -> Response:
        return Response(rates.daily_zip(last_published(clock.moment)), media_type=ZIP_TYPE)

    @app.get("/faults")
    def show_faults() -> dict[str, Any]:
        return dealer.tally()

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {
            "status": "ok",
            "market_date": clock.moment.day.isoformat(),
            "real_symbols": sum(not listing.simulated for listing in universe.listings),
            "simulated_symbols": simulated,
        }

    return MarketDateHeader(app, clock)


def app_from_settings(settings: Settings, prices: Path | None) -> ASGIApp:
    """The application of the settings. `prices`: folder of the real prices, None to serve none.

    Raises RealPricesMissing, NothingToServe, ClockFileError.
    """
    folder = settings.home / "sample_market"
    universe = load_universe(
        prices,
        folder,
        settings.sample_market_seed,
        settings.sample_market_symbols,
        settings.sample_market_blemishes,
    )
    universe.prepare()
    clock = MarketClock(folder / "clock.json", settings.sample_market_date, universe.sessions())
    limits = CallLimits(
        settings.sample_market_requests_per_second,
        settings.sample_market_requests_per_minute,
        settings.sample_market_requests_per_day,
    )
    return create_app(universe, EcbRates(), clock, limits, settings.sample_market_faults)
