"""DuckDB and Polars beside the models: the same two measures from the same closes, as a Parquet file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow
from psycopg2.extensions import connection as Connection
from pyarrow import parquet
from windows_bars import COPY_HEAD, COPY_TAIL, EPOCH, records
from windows_meter import Spent
from windows_sql import volatility

from hedge_master.settings import REPO_ROOT

REQUIREMENTS = Path(__file__).with_name("windows-peers.txt")
PROGRAM = Path(__file__).with_name("windows_peer_program.py")
CLOSE = {"symbol_id": ">i4", "day": ">i4", "close": ">f8"}
LONGEST_SECONDS = 1_800


def peer_python() -> Path:
    """The Python of the peers' environment, `.build/window_peers`, which is made at the first run (10 s, 300 MB).

    Raises the set-up's own error, one line, where the packages cannot be fetched.
    """
    sys.path.append(str(REPO_ROOT / "docker" / "local"))  # as setup.py, which the folder belongs to
    environments, programs = import_module("provision.environments"), import_module("provision.programs")
    places, around = import_module("provision.places"), import_module("provision.surroundings")
    python = places.BUILD / "window_peers" / "bin" / "python"
    made = environments.Environment("window peers", python, (REQUIREMENTS,))
    if not made.is_made():
        environments.fill(made, programs.Programs(), around.surroundings(os.environ))
    return Path(python)


def write_closes(admin: Connection, file: Path) -> None:
    """peer.closes as Parquet, in the order of its key."""
    raw = file.with_suffix(".copy")
    with raw.open("wb") as copy, admin.cursor() as cursor:
        cursor.copy_expert(
            "copy (select symbol_id, day, close from peer.closes order by symbol_id, day) to stdout (format binary)",
            copy,
        )
    rows = (raw.stat().st_size - len(COPY_HEAD) - len(COPY_TAIL)) // records(CLOSE, 0).dtype.itemsize
    found = np.memmap(raw, records(CLOSE, 0).dtype, "r", len(COPY_HEAD), (rows,))
    columns = {
        "symbol_id": found["symbol_id"].astype("=i4"),
        "day": EPOCH + found["day"].astype("=i8").astype("timedelta64[D]"),
        "close": found["close"].astype("=f8"),
    }
    parquet.write_table(pyarrow.table(columns), file)
    raw.unlink()


def run_peer(python: Path, peer: str, closes: Path, folder: Path) -> Spent:
    """Its cost, reading and writing of Parquet included and the start of Python left out; windows.csv in the folder."""
    folder.mkdir()
    told = subprocess.run(  # noqa: S603 (our own command)
        [python, PROGRAM, peer, closes, folder, volatility("returns", "deviation")],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    cost = json.loads(told.stdout)
    return Spent(rows=parquet.read_metadata(closes).num_rows, client=cost["cpu"], wall=cost["wall"])


def load_windows(admin: Connection, table: str, folder: Path) -> None:
    """What a peer wrote, as a table."""
    with admin.cursor() as cursor, (folder / "windows.csv").open("rb") as file:
        cursor.execute(f"drop table if exists {table}")
        cursor.execute(
            f"""create unlogged table {table}
            (symbol_id integer, window_start date, price_deviation float8, volatility_annualised float8)"""
        )
        cursor.copy_expert(f"copy {table} from stdin (format csv, header)", file)
