"""Ten kills -9 of what the stream is made of: nothing is lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest
from torture_run import Torture
from torture_stage import Stage

pytestmark = [pytest.mark.spark, pytest.mark.warehouse]


def test_ten_kills_leave_what_a_run_without_kills_leaves(tmp_path: Path) -> None:
    """Each victim and each commit point; `make torture` has as many kills as one likes."""
    with Stage(tmp_path) as stage:
        assert Torture(stage, seed=2020, tell=print).run(kills=10)
