"""Runs the pipeline through Airflow, whole or for one more day, and waits until all that follows from it has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hedge_master.local_stack.airflow_api import AirflowApi, Run
from hedge_master.local_stack.progress import Figure, done, moving
from hedge_master.local_stack.stack import StackError

SYNC, BACKFILL, DAILY, STREAM, BUILD = (
    "sync_symbols",
    "backfill_price_history",
    "produce_daily_prices",
    "stream_prices",
    "build_volatility",
)
DAGS = (SYNC, BACKFILL, DAILY, STREAM, BUILD)
CAUSED_BY = ((STREAM, (BACKFILL, DAILY)), (BUILD, (STREAM,)))
SECONDS_BETWEEN_QUESTIONS = 0.5
SECONDS_FOR_PARSING = 180
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


@dataclass
class Pipeline:
    """`bars` tells how many bars are stored, for the figure that moves."""

    api: AirflowApi
    bars: Callable[[], int]
    seen_before: set[tuple[str, str]] = field(default_factory=set)

    def run_whole(self) -> None:
        """Symbols, then histories and latest prices side by side; then the stream and the models. Raises StackError."""
        self._begin()
        self._step("symbols", {SYNC: {}})
        # Published together, both are read by one start of Spark. The daily run would fail while there are no symbols:
        # its schedule is switched on only now.
        self._step("price histories and latest prices", {BACKFILL: {}, DAILY: {}})
        self._wait_for_followers()

    def wait_until_idle(self) -> None:
        """Until no run that was begun before is under way: a run of the schedule, or one that Ctrl-C left alone."""
        with moving("a run that is under way") as figure:
            while any(run.is_active for dag_id in DAGS for run in self.api.runs(dag_id, limit=3)):
                self._show(figure, "a run that is under way")
                time.sleep(SECONDS_BETWEEN_QUESTIONS)

    def run_next_day(self) -> str:
        """One more trading day of the sample market, as its schedule would run it; the daily run's `DAG/RUN`.

        Raises StackError.
        """
        self._begin()
        (run_id,) = self._step("the day's prices", {DAILY: {"next_market_day": True}})
        self._wait_for_followers()
        return f"{DAILY}/{run_id}"

    def _begin(self) -> None:
        self._wait_until_read()
        for dag_id in (STREAM, BUILD):
            self.api.unpause(dag_id)

    def _wait_for_followers(self) -> None:
        for follower, causes in CAUSED_BY:
            caused = [run for cause in causes for run in self._own(cause)]
            called = self._last_event(caused) is not None or self.api.has_queued_events(follower)
            if called or self._own(follower):
                self._wait_until_quiet(follower, causes)
            else:
                # Nothing new was published, so nobody calls for it. What was published before may still be unread, and
                # the ranking stands at another market date than the market: it is cheap where there is nothing to do.
                self._step(follower, {follower: {}})

    def _wait_until_read(self) -> None:
        with moving("Airflow reads the DAGs") as figure:
            while not self.api.dag_ids().issuperset(DAGS):
                errors = self.api.import_errors()
                if errors:
                    raise StackError("\n\n".join(f"{name} cannot be read:\n{trace}" for name, trace in errors.items()))
                if figure.seconds > SECONDS_FOR_PARSING:
                    missing = ", ".join(sorted(set(DAGS) - self.api.dag_ids()))
                    raise StackError(f"Airflow does not know {missing}: see the log of airflow-dag-processor")
                time.sleep(SECONDS_BETWEEN_QUESTIONS)
            self.seen_before = {
                (run.dag_id, run.run_id) for dag in DAGS for run in self.api.runs(dag) if not run.is_active
            }

    def _step(self, title: str, wanted: Mapping[str, Mapping[str, object]]) -> list[str]:
        """One run of each DAG, side by side; their run ids. `wanted`: DAG id -> parameters."""
        for dag_id in wanted:
            self.api.unpause(dag_id)
        ordered = [(dag_id, self.api.trigger(dag_id, conf)) for dag_id, conf in wanted.items()]
        with moving(title) as figure:
            while True:
                runs = [self.api.run(*each) for each in ordered]
                self._fail_if_failed(runs)
                if not any(run.is_active for run in runs):
                    break
                self._show(figure, title)
                time.sleep(SECONDS_BETWEEN_QUESTIONS)
            done(f"{title} ({', '.join(wanted)})", figure.seconds)
        return [run_id for _, run_id in ordered]

    def _wait_until_quiet(self, follower: str, causes: tuple[str, ...]) -> None:
        """Until the causes have ended, no event waits for the follower, no run of it is under way, and one of them
        began after the last event.

        The order of the questions matters: causes, then events, then runs, since an event becomes a run in one
        transaction, and a cause makes its last event before it ends.
        """
        with moving(follower) as figure:
            while True:
                caused = [run for cause in causes for run in self._own(cause)]
                waits = self.api.has_queued_events(follower)
                runs = self._own(follower)
                self._fail_if_failed([*caused, *runs])
                if not (waits or any(run.is_active for run in [*caused, *runs])):
                    last = self._last_event(caused)
                    if last is None or any(run.started_at and run.started_at > last for run in runs):
                        break
                self._show(figure, follower)
                time.sleep(SECONDS_BETWEEN_QUESTIONS)
            title = f"{follower}: {len(runs)} {'run' if len(runs) == 1 else 'runs'}" if runs else f"{follower}: no news"
            done(title, figure.seconds)

    def _own(self, dag_id: str) -> list[Run]:
        """The runs since the demo began."""
        return [run for run in self.api.runs(dag_id) if (run.dag_id, run.run_id) not in self.seen_before]

    def _last_event(self, runs: Iterable[Run]) -> datetime | None:
        events = [self.api.last_event_of(run.dag_id, run.run_id) for run in runs]
        return max((event for event in events if event is not None), default=None)

    def _show(self, figure: Figure, title: str) -> None:
        """Tasks ended of all runs under way, and the bars that the warehouse holds."""
        active = [run for dag in DAGS for run in self.api.runs(dag, limit=3) if run.is_active]
        states = [task.state for run in active for task in self.api.task_states(run.dag_id, run.run_id)]
        ended = sum(state in ENDED for state in states)
        again = states.count("up_for_retry")
        retries = f", {again} waiting for another try" if again else ""
        names = ", ".join(sorted({run.dag_id for run in active})) or "the scheduler"
        figure.show(f"{title}: {ended} of {len(states)} tasks done{retries} ({names}), {self.bars():,} bars stored")

    def _fail_if_failed(self, runs: Iterable[Run]) -> None:
        for run in runs:
            if run.state != "failed":
                continue
            for task in self.api.task_states(run.dag_id, run.run_id):
                if task.state == "failed":
                    raise StackError(
                        f"{run.dag_id}.{task.task_id} failed:\n{self.api.log_tail(run, task)}\n"
                        f"the whole log: Airflow, DAG {run.dag_id}, run {run.run_id}"
                    )
            raise StackError(f"{run.dag_id} failed: see run {run.run_id} in Airflow")
