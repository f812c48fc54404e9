"""The HTTP face: /query as Alpha Vantage's, and /clock and /health of our own."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.middleware.trustedhost import TrustedHostMiddleware

from hedge_master.sample_market.clock import ClockRefused, MarketClock
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.query import QueryDesk
from hedge_master.sample_market.universe import Universe, load_universe
from hedge_master.settings import FIRST_MARKET_DATE, LAST_MARKET_DATE, Settings

# A page in the user's browser that names this machine by another name (DNS rebinding) is turned away.
LOCAL_NAMES = ["127.0.0.1", "localhost"]


class ClockMove(BaseModel):
    """Exactly one of the two."""

    model_config = ConfigDict(extra="forbid")

    market_date: date | None = None
    advance_trading_days: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> ClockMove:
        if (self.market_date is None) == (self.advance_trading_days is None):
            raise ValueError("give either market_date (YYYY-MM-DD) or advance_trading_days (1 or more)")
        return self


def _clock_state(clock: MarketClock) -> dict[str, Any]:
    coming = clock.next_trading_day
    return {
        "market_date": clock.day.isoformat(),
        "is_trading_day": clock.is_trading_day,
        "next_trading_day": coming.isoformat() if coming else None,
        "first_market_date": FIRST_MARKET_DATE.isoformat(),
        "last_market_date": LAST_MARKET_DATE.isoformat(),
    }


def create_app(universe: Universe, clock: MarketClock, limits: CallLimits) -> FastAPI:
    """The application; nothing is read from outside its arguments."""
    app = FastAPI(title="Hedge Master sample market", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=LOCAL_NAMES)
    desk = QueryDesk(universe, limits, lambda: clock.day)
    simulated = sum(listing.simulated for listing in universe.listings)

    @app.exception_handler(RequestValidationError)
    async def bad_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        reasons = (f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
        return JSONResponse({"detail": "; ".join(reasons)}, status_code=422)

    # Plain functions: FastAPI runs them in its thread pool, so that a long history blocks no other caller.
    @app.get("/query")
    def query(request: Request) -> Response:
        answer = desk.answer(request.query_params)
        return Response(answer.text, media_type=answer.media_type)

    @app.get("/clock")
    def show_clock() -> dict[str, Any]:
        return _clock_state(clock)

    @app.post("/clock")
    def move_clock(move: ClockMove) -> dict[str, Any]:
        try:
            if move.market_date is not None:
                clock.set_to(move.market_date)
            elif move.advance_trading_days is not None:
                clock.advance(move.advance_trading_days)
        except ClockRefused as refused:
            raise HTTPException(409, str(refused)) from None
        return _clock_state(clock)

    @app.get("/health")
    def health() -> dict[str, Any]:
        return {
            "status": "ok",
            "market_date": clock.day.isoformat(),
            "real_symbols": len(universe.listings) - simulated,
            "simulated_symbols": simulated,
        }

    return app


def app_from_settings(settings: Settings, prices: Path | None) -> FastAPI:
    """The application of the settings. `prices`: folder of the real prices, None to serve none.

    Raises RealPricesMissing, NothingToServe, ClockFileError.
    """
    folder = settings.home / "sample_market"
    universe = load_universe(prices, folder, settings.sample_market_seed, settings.sample_market_symbols)
    universe.prepare()
    clock = MarketClock(folder / "clock.json", settings.sample_market_date, universe.sessions())
    limits = CallLimits(
        settings.sample_market_requests_per_second,
        settings.sample_market_requests_per_minute,
        settings.sample_market_requests_per_day,
    )
    return create_app(universe, clock, limits)
