"""Everything that the stack needs and git does not carry: two Python environments, Java, jars, sample prices.

Idempotent: each step leaves a stamp with a hash of what it was made from, and is skipped while that stays the same.
Standard library only, since it makes the environments.
"""

# ruff: noqa: S603 (every program here is called with a list of our own words, without a shell)
from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
BUILD = REPO / ".build"
VENV = REPO / ".venv"
SUPERSET_VENV = REPO / "superset_config" / ".venv"
IVY_FILE = Path(__file__).with_name("ivy.xml")
PLUGINS = REPO / "plugins"
UV_VERSION = "0.13.9"
DISK_GIB = 6
JAVA_OLDEST = 17
GIB = 1024**3

COMMAND_SCRIPT = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from hedge_master.cli.main import main

sys.exit(main())
"""


class SetupError(RuntimeError):
    """One line that says what is missing and what to do."""


class Progress:
    """One line for each step that ended; in between a figure that moves."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self._free = shutil.disk_usage(REPO).free
        self._under_way: list[str] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._terminal = sys.stdout.isatty()

    def __enter__(self) -> Progress:
        self._mover = threading.Thread(target=self._keep_moving, daemon=True)
        self._mover.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._mover.join()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def _keep_moving(self) -> None:
        last = self.begun
        while not self._ended.wait(0.5):
            now = time.monotonic()
            if not self._under_way or (not self._terminal and now - last < 10):
                continue
            last = now
            written = max(0, self._free - shutil.disk_usage(REPO).free) / 1024**2
            text = f"{now - self.begun:4.0f} s  {written:5.0f} MiB written: {', '.join(self._under_way)}"
            with self._lock:
                print(
                    f"\r\033[K  {text}" if self._terminal else f"  … {text}",
                    end="" if self._terminal else "\n",
                    flush=True,
                )

    def step(self, name: str, work: Callable[[], None]) -> None:
        self._under_way.append(name)
        begun = time.monotonic()
        try:
            work()
        finally:
            self._under_way.remove(name)
        with self._lock:
            front = "\r\033[K" if self._terminal else ""
            print(f"{front}  {name:<44} {time.monotonic() - begun:6.1f} s", flush=True)


def run(name: str, command: list[str | Path], environ: dict[str, str] | None = None) -> None:
    """Runs a program into .build/logs; SetupError with the log's end where it fails."""
    log = BUILD / "logs" / f"{name.replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        ended = subprocess.run(
            [str(word) for word in command],
            cwd=REPO, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    if ended.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
        raise SetupError(f"{name} failed:\n{tail}\nthe whole log: {log}")


def hashed(*inputs: Path | str) -> str:
    total = hashlib.sha256(sys.version.encode())
    for each in inputs:
        total.update(each.read_bytes() if isinstance(each, Path) else each.encode())
    return total.hexdigest()


def is_done(stamp: Path, inputs: str) -> bool:
    return stamp.exists() and stamp.read_text() == inputs


# --- the environments ---------------------------------------------------------------------------------------------


def environment_stamps() -> dict[str, tuple[Path, str]]:
    """For each environment its stamp file and what the stamp must say."""
    return {
        "main": (VENV / ".made-from", hashed(REPO / "requirements.txt", UV_VERSION, str(VENV))),
        "superset": (
            SUPERSET_VENV / ".made-from",
            hashed(REPO / "superset_config" / "requirements.txt", str(SUPERSET_VENV)),
        ),
    }


def uv(*arguments: str | Path) -> list[str | Path]:
    return [VENV / "bin" / "python", "-m", "uv", *arguments]


def make_uv() -> None:
    """The environment .venv with uv in it, which fills both."""
    python = VENV / "bin" / "python"
    if not python.exists():
        run("environment", [sys.executable, "-m", "venv", VENV])
    if subprocess.run([python, "-m", "uv", "--version"], capture_output=True, text=True).stdout.split()[1:2] == [
        UV_VERSION
    ]:
        return
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode:
        run("pip", [python, "-m", "ensurepip", "--upgrade"])
    run("uv", [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={UV_VERSION}"])


def fill(name: str, python: Path, requirements: Path) -> None:
    """Exactly the pinned files: no dependency is looked up, each hash is checked."""
    run(name, uv("pip", "install", "--python", python, "--no-deps", "--require-hashes", "-r", requirements))


def make_main_environment() -> None:
    fill("Python packages", VENV / "bin" / "python", REPO / "requirements.txt")
    site = next((VENV / "lib").glob("python3.*")) / "site-packages"
    (site / "hedge_master_checkout.pth").write_text(f"{PLUGINS}\n")
    command = VENV / "bin" / "hm"
    command.write_text(COMMAND_SCRIPT.format(python=VENV / "bin" / "python"))
    command.chmod(0o755)
    stamp, inputs = environment_stamps()["main"]
    stamp.write_text(inputs)


def make_superset_environment() -> None:
    if not (SUPERSET_VENV / "bin" / "python").exists():
        run("Superset environment", [sys.executable, "-m", "venv", "--without-pip", SUPERSET_VENV])
    requirements = REPO / "superset_config" / "requirements.txt"
    fill("Superset packages", SUPERSET_VENV / "bin" / "python", requirements)
    stamp, inputs = environment_stamps()["superset"]
    stamp.write_text(inputs)


# --- Java and the jars --------------------------------------------------------------------------------------------


def java() -> str | None:
    """The Java program, where it is there and new enough."""
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not found or not os.access(found, os.X_OK):
        return None
    told = subprocess.run([found, "-version"], capture_output=True, text=True).stderr.split('"')
    major = told[1].split(".")[0] if len(told) > 1 else ""
    return found if major.isdigit() and int(major) >= JAVA_OLDEST else None


def check_java() -> None:
    """Before anything is fetched: is there a Java, or may we install one?"""
    if java() is None and not (os.geteuid() == 0 and shutil.which("apt-get")):
        raise SetupError(
            f"Java {JAVA_OLDEST} is missing: install it (Debian: sudo apt-get install openjdk-17-jre-headless), "
            "or set JAVA_HOME to one that you have"
        )


def install_java() -> None:
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get update", ["apt-get", "update"], quiet)
    package = "openjdk-17-jre-headless"
    run("apt-get install", ["apt-get", "install", "-y", "--no-install-recommends", package], quiet)
    if java() is None:
        raise SetupError("Java was installed and is not found: open a new shell, or set JAVA_HOME")


def jars_stamp() -> tuple[Path, str]:
    return BUILD / "jars" / ".made-from", hashed(IVY_FILE)


def fetch_jars() -> None:
    """The jars of ivy.xml by pyspark's own Ivy, into a folder beside, renamed when whole."""
    ivy = next((VENV / "lib").glob("python3.*/site-packages/pyspark/jars/ivy-*.jar"))
    program = java()
    if program is None:
        raise SetupError(f"Java {JAVA_OLDEST} is missing: set JAVA_HOME")
    beside = BUILD / "jars.new"
    shutil.rmtree(beside, ignore_errors=True)
    pattern = f"{beside}/[conf]/[artifact]-[revision].[ext]"
    run("jars", [program, "-jar", ivy, "-cache", BUILD / "ivy", "-ivy", IVY_FILE, "-retrieve", pattern])
    stamp, inputs = jars_stamp()
    (beside / stamp.name).write_text(inputs)
    shutil.rmtree(BUILD / "jars", ignore_errors=True)
    beside.rename(BUILD / "jars")


# --- the whole ----------------------------------------------------------------------------------------------------


def sample_prices_stamp() -> tuple[Path, str]:
    module = PLUGINS / "hedge_master" / "sample_market"
    sources = [module / name for name in ("download.py", "wheels.py") if (module / name).exists()]
    return BUILD / "sample-prices.made-from", hashed(*sources)


def fetch_sample_prices() -> None:
    run("sample prices", [VENV / "bin" / "python", "-m", "hedge_master.sample_market.download"])
    stamp, inputs = sample_prices_stamp()
    stamp.write_text(inputs)


def check_disk() -> None:
    free = shutil.disk_usage(REPO).free
    if free < DISK_GIB * GIB:
        raise SetupError(f"{free / GIB:.1f} GiB are free below {REPO}, the set-up needs {DISK_GIB}: free some first")


def main() -> None:
    stamps = environment_stamps()
    main_is_made = is_done(*stamps["main"]) and (VENV / "bin" / "python").exists()
    superset_is_made = is_done(*stamps["superset"]) and (SUPERSET_VENV / "bin" / "python").exists()
    jars_are_there = is_done(*jars_stamp())
    prices_are_there = is_done(*sample_prices_stamp())
    has_java = java() is not None
    if main_is_made and superset_is_made and jars_are_there and prices_are_there and has_java:
        return
    check_disk()
    check_java()
    BUILD.mkdir(exist_ok=True)
    print("Set-up: once, and again only for what has changed", flush=True)
    with Progress() as progress, ThreadPoolExecutor(max_workers=3) as pool:

        def main_line() -> None:
            """The main environment, and what needs it."""
            if not main_is_made:
                progress.step("Python packages", make_main_environment)
            if java_ready:
                java_ready.result()
            waiting = []
            if not jars_are_there:
                waiting.append(pool.submit(progress.step, "Kafka and its Spark connector (jars)", fetch_jars))
            if not prices_are_there:
                progress.step("sample prices", fetch_sample_prices)
            for each in waiting:
                each.result()

        java_ready = None if has_java else pool.submit(progress.step, "Java", install_java)
        if not (main_is_made and superset_is_made):
            progress.step("uv", make_uv)
        lines = [pool.submit(main_line)]
        if not superset_is_made:
            lines.append(pool.submit(progress.step, "Superset packages", make_superset_environment))
        for line in lines:
            line.result()


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted; the next call goes on from here", file=sys.stderr)
        sys.exit(130)
