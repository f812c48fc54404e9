"""A peer of the windows' benchmark, run by the Python of its own environment: PEER CLOSES.parquet FOLDER VOLATILITY.

Reads split-adjusted closes (symbol_id, day, close), computes price_deviation and volatility_annualised of all windows
into FOLDER/windows.parquet, and prints the CPU and wall seconds of that, imports left out, as JSON. Then, unmeasured,
writes them as FOLDER/windows.csv.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

DUCKDB = """
copy (
    with returns as (
        select
            symbol_id, close, day - (isodow(day) - 1)::integer as monday,
            ln(close / lag(close) over (partition by symbol_id order by day)) as log_return
        from '{closes}'
    ),
    windows as (
        select
            symbol_id, monday - shift.days as window_start,
            stddev_samp(close) as price_deviation, count(log_return) as returns, stddev_samp(log_return) as deviation
        from returns cross join (values (0), (7)) as shift (days)
        group by symbol_id, window_start
    )
    select symbol_id, window_start, price_deviation, {volatility} as volatility_annualised from windows
) to '{windows}'
"""


def duckdb_windows(closes: Path, folder: Path, volatility: str) -> None:
    import duckdb

    duckdb.sql(DUCKDB.format(closes=closes, volatility=volatility, windows=folder / "windows.parquet"))


def polars_windows(closes: Path, folder: Path, volatility: str) -> None:
    import polars

    returns = polars.scan_parquet(closes).select(
        "symbol_id",
        "close",
        polars.col("day").dt.truncate("1w").alias("window_start"),
        (polars.col("close") / polars.col("close").shift(1).over("symbol_id")).log().alias("log_return"),
    )
    both = polars.concat([returns, returns.with_columns(polars.col("window_start").dt.offset_by("-7d"))])
    windows = both.group_by("symbol_id", "window_start").agg(
        polars.col("close").std().alias("price_deviation"),
        polars.col("log_return").count().cast(polars.Int32).alias("returns"),
        polars.col("log_return").std().alias("deviation"),
    )
    windows.select(
        "symbol_id", "window_start", "price_deviation", polars.sql_expr(volatility).alias("volatility_annualised")
    ).sink_parquet(folder / "windows.parquet")


PEERS = {"duckdb": duckdb_windows, "polars": polars_windows}


def main(peer: str, closes: str, folder: str, volatility: str) -> None:
    __import__(peer)
    cpu, wall = time.process_time(), time.monotonic()
    PEERS[peer](Path(closes), Path(folder), volatility)
    print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}), flush=True)
    import polars

    polars.scan_parquet(Path(folder) / "windows.parquet").sink_csv(Path(folder) / "windows.csv")


if __name__ == "__main__":
    main(*sys.argv[1:])
