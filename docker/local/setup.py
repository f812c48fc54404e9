"""Everything that the stack needs and git does not carry: two Python environments, Java, jars, sample prices.

Idempotent: each step leaves a stamp with a hash of what it was made from, and is skipped while that stays the same.
Interrupted or failed at any point, the next call goes on. `--browser` provides a browser for the tests instead.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import IO

from provision import browser, environments, jars, java, sample_prices
from provision.places import BUILD, SetupError
from provision.programs import Programs
from provision.progress import Progress
from provision.surroundings import check_disk, check_path, make_folders, surroundings

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def is_complete(machines_java: Path | None) -> bool:
    return (
        environments.MAIN.is_made()
        and environments.SUPERSET.is_made()
        and java.is_ready(machines_java)
        and jars.are_there()
        and sample_prices.are_there()
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
    with Progress() as progress, ThreadPoolExecutor(max_workers=6) as pool:

        def fetch_pyspark() -> None:
            if not environments.MAIN.is_made():
                progress.step("pyspark", lambda: environments.fetch_pyspark(programs, environ))

        def fill(environment: environments.Environment, *needed: Future[None]) -> None:
            _wait_until_done(needed)
            if not environment.is_made():
                progress.step(environment.name, lambda: environments.fill(environment, programs, environ))

        def provide_java() -> None:
            if not java.is_ready(machines_java):
                progress.step("Java", lambda: java.provide(machines_java, programs, environ))

        def fetch_jars(*needed: Future[None]) -> None:
            _wait_until_done(needed)
            if not jars.are_there():
                progress.step("Kafka and its Spark connector (jars)", lambda: jars.fetch(programs, environ))

        def fetch_sample_prices(*needed: Future[None]) -> None:
            _wait_until_done(needed)
            if not sample_prices.are_there():
                progress.step("sample prices", lambda: sample_prices.fetch(programs, environ))

        try:
            if not environments.has_uv():
                progress.step("uv", lambda: environments.fetch_uv(programs, environ))
            pyspark = pool.submit(fetch_pyspark)
            java_program = pool.submit(provide_java)
            main_environment = pool.submit(fill, environments.MAIN, pyspark)
            superset_environment = pool.submit(fill, environments.SUPERSET)
            all_jars = pool.submit(fetch_jars, pyspark, java_program)
            prices = pool.submit(fetch_sample_prices, main_environment)
            _wait_until_done([pyspark, java_program, main_environment, superset_environment, all_jars, prices])
        except KeyboardInterrupt:
            programs.end()
            raise


def _wait_until_done(steps: Iterable[Future[None]]) -> None:
    for step in steps:
        step.result()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """The first Ctrl-C ends all programs, which takes a moment; a second one in this moment has nothing to add."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    for each in SIGNALS:
        signal.signal(each, _interrupt)
    environ = surroundings(os.environ)
    try:
        if "--browser" in arguments:
            make_folders(environ)
            browser.provide(Programs(), environ)
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
