"""Runs steps that need each other: each as soon as its needs are done, independent ones side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from hedge_master.local_stack.progress import Figure, done

SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True)
class Step:
    """`run` says whether there was something to do; only then its line is shown."""

    name: str
    run: Callable[[], bool]
    needs: tuple[str, ...] = ()


def run_steps(steps: Sequence[Step], figure: Figure) -> None:
    """Runs them all. After the first failure no other step begins; those under way end, then it is raised.

    An interruption is not kept waiting by steps under way: they are left to the end of the process.
    """
    names = {step.name for step in steps}
    missing = {need for step in steps for need in step.needs} - names
    if missing:
        raise ValueError(f"steps need what is no step: {', '.join(sorted(missing))}")
    waiting = list(steps)
    finished: set[str] = set()
    under_way: dict[Future[tuple[bool, float]], Step] = {}
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(max_workers=len(steps) or 1)
    try:
        while under_way or (waiting and failure is None):
            ready = [step for step in waiting if finished.issuperset(step.needs)] if failure is None else []
            for step in ready:
                waiting.remove(step)
                under_way[pool.submit(_timed, step)] = step
            if not under_way:
                raise ValueError(f"steps wait for each other: {', '.join(step.name for step in waiting)}")
            figure.show(f"{len(finished)} of {len(steps)}: " + ", ".join(step.name for step in under_way.values()))
            # In short turns: a signal that came just before a wait is noticed after it only.
            ended, _ = wait(under_way, timeout=SECONDS_BETWEEN_LOOKS, return_when=FIRST_COMPLETED)
            for future in ended:
                step = under_way.pop(future)
                error = future.exception()
                if error is not None:
                    failure = failure or error
                    continue
                finished.add(step.name)
                had_work, seconds = future.result()
                if had_work:
                    done(step.name, seconds)
    finally:
        pool.shutdown(wait=False)
    if failure is not None:
        raise failure


def _timed(step: Step) -> tuple[bool, float]:
    begun = time.monotonic()
    had_work = step.run()
    return had_work, time.monotonic() - begun
