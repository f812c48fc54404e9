"""Everything that the stack needs and git does not carry: two Python environments, Java, jars, sample prices,
and an archive of Spark's classes.

Idempotent: each step leaves a stamp with a hash of what it was made from, and is skipped while that stays the same.
Interrupted or failed at any point, the next call goes on. `--browser` provides a browser for the tests instead.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import FrameType
from typing import IO

from provision import browser, environments, jars, java, sample_prices, spark_classes
from provision.places import BUILD, SetupError
from provision.programs import Programs
from provision.progress import Progress
from provision.surroundings import check_disk, check_path, make_folders, surroundings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECONDS_BETWEEN_LOOKS = 0.5


def is_complete(machines_java: Path | None) -> bool:
    return (
        environments.MAIN.is_made()
        and environments.SUPERSET.is_made()
        and java.is_ready(machines_java)
        and jars.are_there()
        and sample_prices.are_there()
        and spark_classes.is_made()
    )


def set_up(environ: Mapping[str, str]) -> None:
    """Makes what is missing; SetupError says in one line why it could not."""
    machines_java = java.machines_java(environ)
    if is_complete(machines_java):
        return
    check_path()
    check_disk()
    make_folders(environ)
    with (BUILD / "set-up.lock").open("w") as lock:
        _wait_for(lock)
        if not is_complete(machines_java):
            _make(Programs(inherited=(lock.fileno(),)), environ, machines_java)


def _wait_for(lock: IO[str]) -> None:
    """One set-up at a time. The programs that it started hold the lock too: one that was killed may leave some."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another set-up of this checkout is under way: waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _make(programs: Programs, environ: Mapping[str, str], machines_java: Path | None) -> None:
    print("Set-up: once, and again only for what has changed", flush=True)
    with Progress() as progress, ThreadPoolExecutor(max_workers=8) as pool:

        def step(name: str, is_done: bool, work: Callable[[], None], *needs: Future[None]) -> Future[None]:
            """Begins as soon as its needs are done, and fails with them."""

            def run() -> None:
                for need in needs:
                    need.result()
                if not is_done:
                    progress.step(name, work)

            return pool.submit(run)

        main, superset = environments.MAIN, environments.SUPERSET
        uv = step("uv", environments.has_uv(), lambda: environments.fetch_uv(programs, environ))
        pyspark = step("pyspark", main.is_made(), lambda: environments.fetch_pyspark(programs, environ), uv)
        java_program = step(
            "Java", java.is_ready(machines_java), lambda: java.provide(machines_java, programs, environ), uv
        )
        packages = step(main.name, main.is_made(), lambda: environments.fill(main, programs, environ), pyspark)
        finish(
            programs,
            uv,
            pyspark,
            java_program,
            packages,
            step(superset.name, superset.is_made(), lambda: environments.fill(superset, programs, environ), uv),
            step(
                "Kafka and its Spark connector (jars)",
                jars.are_there(),
                lambda: jars.fetch(programs, environ),
                *(pyspark, java_program),
            ),
            step("sample prices", sample_prices.are_there(), lambda: sample_prices.fetch(programs, environ), packages),
            step(
                "Spark's classes, made ready to start from",
                spark_classes.is_made(),
                lambda: spark_classes.make(programs, environ),
                *(packages, java_program),
            ),
        )


def provide_browser(environ: Mapping[str, str]) -> None:
    make_folders(environ)
    programs = Programs()
    with ThreadPoolExecutor(max_workers=1) as pool:
        finish(programs, pool.submit(browser.provide, programs, environ))


def finish(programs: Programs, *steps: Future[None]) -> None:
    """Waits for all steps and raises what the first failed one raised; Ctrl-C ends their programs.

    It waits in short turns: a signal that came just before a wait is noticed after it only.
    """
    try:
        while wait(steps, timeout=SECONDS_BETWEEN_LOOKS).not_done:
            continue
    except KeyboardInterrupt:
        programs.end()
        raise
    for each in steps:
        each.result()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first Ctrl-C ends all programs, which takes a moment; a second one in this moment has nothing to add."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:  # `nohup` means it
            signal.signal(each, _interrupt)
    environ = surroundings(os.environ)
    try:
        if "--browser" in arguments:
            provide_browser(environ)
        else:
            set_up(environ)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: what was fetched is kept, the same call goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
