"""An archive of Spark's classes, from which each run of the stream starts in half the time: docs/decisions/0015.

Java writes it at the end of a rehearsal of the stream. It gets its name when it is whole: Java crashes on half a one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from provision.java import HOME as JAVA_HOME
from provision.java import JAVA
from provision.places import BUILD, PYTHON, REPO, VENV, hashed, is_done
from provision.programs import Programs

REHEARSAL = REPO / "spark_jobs" / "rehearse_stream.py"
ARCHIVE = BUILD / "spark-classes.jsa"
STAMP = BUILD / "spark-classes.made-from"
# As the short runs that gain most from it: plugins/hedge_master/orchestration/spark_driver.py.
OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:cds=off,cds+dynamic=off"
NONE = "\nno archive came of it"


def is_made() -> bool:
    """Also where Java could write none: for that it needs an archive of its own classes, which not each one has."""
    inputs = _inputs()
    return (ARCHIVE.exists() and is_done(STAMP, inputs)) or is_done(STAMP, inputs + NONE)


def _inputs() -> str:
    """Java wants the very jars, by size and time, that the archive was made from; else it passes over the archive."""
    jars = sorted(_spark().glob("jars/*.jar"))
    told = [f"{jar.name} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
    return hashed(REHEARSAL, *([JAVA] if JAVA.exists() else []), *told)


def _spark() -> Path:
    return next((VENV / "lib").glob("python3.*/site-packages/pyspark"), VENV)


def make(programs: Programs, environ: Mapping[str, str]) -> None:
    """The archive before stays until the new one is whole, on the disk too."""
    spark = _spark()
    beside = ARCHIVE.with_suffix(".new")
    beside.unlink(missing_ok=True)
    programs.run(
        "spark classes",
        [
            spark / "bin" / "spark-submit",
            *("--conf", "spark.ui.enabled=false", "--conf", "spark.sql.shuffle.partitions=2"),
            *("--conf", f'spark.driver.extraJavaOptions={OPTIONS} "-XX:ArchiveClassesAtExit={beside}"'),
            REHEARSAL,
        ],
        {
            **environ,
            "PYTHONPATH": str(REPO / "plugins"),
            "JAVA_HOME": str(JAVA_HOME),
            "SPARK_HOME": str(spark),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": str(PYTHON),
            "PYSPARK_DRIVER_PYTHON": str(PYTHON),
        },
    )
    made = beside.exists()
    if made:
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(ARCHIVE)
    STAMP.write_text(_inputs() if made else _inputs() + NONE)
