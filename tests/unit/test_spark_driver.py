"""The options that a Spark job's JVM starts with."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from hedge_master.ingestion.topics import DAILY_PRICES, PRICE_HISTORY
from hedge_master.orchestration.spark_driver import LONG_RUN, LONG_RUN_MESSAGES, SHORT_RUN, driver_options


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "a folder" / "spark.jsa"
    path.parent.mkdir()
    monkeypatch.setenv("HM_SPARK_CLASS_ARCHIVE", str(path))
    return path


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize(
    ("unread", "options"),
    [
        (None, SHORT_RUN),  # the job that drives rejections again, or a task that was started by hand
        ({DAILY_PRICES.name: 80_000, PRICE_HISTORY.name: 0}, SHORT_RUN),
        ({DAILY_PRICES.name: 0, PRICE_HISTORY.name: LONG_RUN_MESSAGES - 1}, SHORT_RUN),
        ({DAILY_PRICES.name: 0, PRICE_HISTORY.name: LONG_RUN_MESSAGES}, LONG_RUN),
    ],
)
def test_a_jvm_is_started_for_the_work_that_is_before_it(unread: dict[str, int] | None, options: tuple[str]) -> None:
    assert tuple(driver_options(unread).split()) == options


def test_classes_come_from_an_archive_that_is_there_also_where_its_path_has_a_space(archive: Path) -> None:
    assert "Archive" not in driver_options()
    archive.touch()
    assert f"-XX:SharedArchiveFile={archive}" in shlex.split(driver_options())
