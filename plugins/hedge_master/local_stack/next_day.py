"""`make next-day`: one more trading day of the sample market through the daily path, and what it brought."""

from __future__ import annotations

from hedge_master.local_stack.day_report import MarketDay, day_of, mark_of
from hedge_master.local_stack.demo import airflow, show_ranking
from hedge_master.local_stack.pipeline import Pipeline
from hedge_master.local_stack.progress import console
from hedge_master.local_stack.stack import Stack, StackError
from hedge_master.local_stack.supervision import Supervisor
from hedge_master.local_stack.warehouse_figures import bars_stored, market_date_of, warehouse
from hedge_master.sample_market.clock_client import ClockUnavailable, clock

SHOWN = 8


def next_day(stack: Stack) -> None:
    """Raises StackError where nothing runs, where the market is a real one or has ended, or where a run fails."""
    if not stack.settings.uses_sample_market:
        raise StackError(f"{stack.settings.alpha_vantage_url} is a real API: its days go by themselves")
    if not stack.has_secrets or not Supervisor(stack.folders).is_running():
        raise StackError("nothing runs: `make demo` starts everything")
    try:
        state = clock(stack.settings.sample_market_url)
    except ClockUnavailable as error:
        raise StackError(str(error)) from error
    if state.next_trading_day is None:
        raise StackError(f"the sample market ends on {state.last_market_date}: `make clean` and `make demo` start over")
    with warehouse(stack) as session, airflow(stack) as api:
        pipeline = Pipeline(api, lambda: bars_stored(session))
        pipeline.wait_until_idle()
        before = mark_of(session)
        run = pipeline.run_next_day()
        show_day(day_of(session, market_date_of(session, run), before))
    show_ranking(stack)


def show_day(day: MarketDay) -> None:
    """How many bars came and what was unusual about them, a line for each kind."""
    console.print(
        f"{day.market_date}: {day.bars:,} bars of the day, {day.late:,} late, {day.changed:,} corrected, "
        f"{day.rejected:,} rejected; {day.unchanged:,} known ones again"
    )
    for kind, lines in day.news.items():
        more = f", and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        console.print(f"  {kind}: {'; '.join(lines[:SHOWN])}{more}", markup=False)
