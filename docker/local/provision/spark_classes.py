"""An archive of Spark's classes, from which each run of the stream starts in half the time: docs/decisions/0015.

Java writes it at the end of a rehearsal of the stream. It gets its name when it is whole: Java crashes on half a one.
"""

from __future__ import annotations

from collections.abc import Mapping

from provision.java import HOME as JAVA_HOME
from provision.java import JAVA
from provision.places import BUILD, PYTHON, REPO, VENV, hashed, is_done
from provision.programs import Programs

REHEARSAL = REPO / "spark_jobs" / "rehearse_stream.py"
SOURCES = [REPO / "requirements.txt", REHEARSAL]
ARCHIVE = BUILD / "spark-classes.jsa"
STAMP = BUILD / "spark-classes.made-from"
# As the short runs that gain most from it: plugins/hedge_master/orchestration/spark_driver.py.
OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:cds=off,cds+dynamic=off"


def is_made() -> bool:
    """Also where Java could write none: for that it needs an archive of its own classes, which not each one has."""
    return JAVA.exists() and is_done(STAMP, _inputs())


def _inputs() -> str:
    return hashed(*SOURCES, JAVA)


def make(programs: Programs, environ: Mapping[str, str]) -> None:
    """The archive before stays until the new one is whole: Java passes over one that does not fit."""
    spark = next((VENV / "lib").glob("python3.*/site-packages/pyspark"))
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
    if beside.exists():
        beside.replace(ARCHIVE)
    STAMP.write_text(_inputs())
