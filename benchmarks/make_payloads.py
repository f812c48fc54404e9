"""Makes the payloads that payload_server.py serves: `python benchmarks/make_payloads.py FOLDER --symbols 10000`.

Full payloads are those of simulated companies that traded since 1999: more than 5,000 bars, about 1 MB, as real
ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from payload_files import MOST_SYMBOLS, PLACE, Manifest, splits_file, template_file

from hedge_master.sample_market import answers
from hedge_master.sample_market.moment import Moment
from hedge_master.sample_market.sessions import load_sessions
from hedge_master.sample_market.universe import Universe
from hedge_master.sample_market.world import World
from hedge_master.settings import FIRST_MARKET_DATE, REPO_ROOT

SEED = 2020
# Enough to find a hundred that traded in the first year and still do.
COMPANIES = 300
MOST_TEMPLATES = 100
SESSIONS_FOLDER = REPO_ROOT / ".build" / "benchmark_sessions"


def make(folder: Path, symbols: int, templates: int, day: date, sessions: Path = SESSIONS_FOLDER) -> Manifest:
    """Writes the folder anew.

    `day`: of the newest bar. `sessions`: where the exchanges' trading days are kept, which take 8 s the first time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moment = Moment(day)
    universe = Universe({}, World(SEED, load_sessions(sessions)), COMPANIES, frozenset())
    old = (each for each in universe.listed(moment) if each.first_bar.year == FIRST_MARKET_DATE.year)
    for number, listing in zip(range(templates), old, strict=False):
        history = universe.history(listing, moment)
        for outputsize in ("compact", "full"):
            text = answers.daily_json(PLACE, history, outputsize == "full")
            (folder / template_file(outputsize, number)).write_text(text)
        (folder / splits_file(number)).write_text(answers.splits_csv(history.splits))
    manifest = Manifest(symbols, templates, day.isoformat())
    # Last: a folder that was left half made is none.
    manifest.write(folder)
    return manifest


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from 1 to {most}")
        return int(text)

    return count


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--symbols", type=_count(MOST_SYMBOLS), default=1_000)
    parser.add_argument("--templates", type=_count(MOST_TEMPLATES), default=8, help="1.1 MB of disk each")
    parser.add_argument("--date", type=date.fromisoformat, default=date(2020, 6, 12), help="day of the newest bar")
    options = parser.parse_args(argv)
    made = make(options.folder, options.symbols, options.templates, options.date)
    megabytes = sum(file.stat().st_size for file in options.folder.iterdir()) / 1e6
    print(f"{options.folder}: {made.symbols} symbols over {made.templates} templates, {megabytes:.1f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
