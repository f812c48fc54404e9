"""How the JVM of a Spark job starts.

Most of what a short run costs is its start: classes that are loaded and checked, and code that is compiled for a future
that it does not have.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from hedge_master.settings import load_settings

# Behind so many full answers the best code of the JVM has earned what it costs to make (docs/decisions/0015).
LONG_RUN_MESSAGES = 400
LONG_RUN = ("-XX:+UseParallelGC",)
SHORT_RUN = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
# An archive of another Java or other jars is passed over; of that the JVM need not speak.
SILENT = "-Xlog:cds=off,cds+dynamic=off"


def driver_options(unread: Mapping[str, int] | None = None) -> str:
    """The value of spark.driver.extraJavaOptions for a job that has `unread` messages (by topic) before it; None: few.

    Spark's classes come ready-made from the archive HM_SPARK_CLASS_ARCHIVE, where it is there for this user.
    """
    from hedge_master.ingestion.topics import PRICE_HISTORY  # not where DAG files are read: it brings Kafka's client

    many = (unread or {}).get(PRICE_HISTORY.name, 0) >= LONG_RUN_MESSAGES
    options = [*(LONG_RUN if many else SHORT_RUN)]
    archive = load_settings().spark_class_archive
    if os.access(archive, os.R_OK):
        options += [f'"-XX:SharedArchiveFile={archive}"', SILENT]  # Spark splits at spaces outside of quotes
    return " ".join(options)
