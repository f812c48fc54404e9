"""When the archive of Spark's classes is made again. That Java takes it: benchmarks/stream.py, the fixed cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from provision import spark_classes
from provision.programs import Programs

Made = Callable[[bool], None]


@pytest.fixture
def jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    jar = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "pyspark" / "jars" / "spark-sql.jar"
    jar.parent.mkdir(parents=True)
    jar.write_text("classes")
    monkeypatch.setattr(spark_classes, "VENV", tmp_path / "venv")
    monkeypatch.setattr(spark_classes, "ARCHIVE", tmp_path / "spark.jsa")
    monkeypatch.setattr(spark_classes, "STAMP", tmp_path / "spark.made-from")
    return jar


@pytest.fixture
def make(jar: Path) -> Made:
    """Runs the step with a program that leaves an archive, or none."""

    class Java(Programs):
        def __init__(self, leaves_archive: bool) -> None:
            self.leaves_archive = leaves_archive

        def run(
            self,
            name: str,
            command: Sequence[str | Path],
            environ: Mapping[str, str] | None = None,
            *,
            lasting: bool = False,
        ) -> None:
            if self.leaves_archive:
                spark_classes.ARCHIVE.with_suffix(".new").write_text("archive")

    def make(leaves_archive: bool) -> None:
        spark_classes.make(Java(leaves_archive), {})

    return make


def test_it_is_made_once_and_again_when_it_is_gone_or_when_java_would_pass_over_it(make: Made, jar: Path) -> None:
    assert not spark_classes.is_made()
    make(True)
    assert spark_classes.is_made()
    os.utime(jar, (1, 1))  # the same jars, installed anew
    assert not spark_classes.is_made()
    make(True)
    spark_classes.ARCHIVE.unlink()
    assert not spark_classes.is_made()


def test_a_java_that_writes_none_is_not_asked_again_and_again(make: Made) -> None:
    make(False)
    assert spark_classes.is_made()
    assert not spark_classes.ARCHIVE.exists()
