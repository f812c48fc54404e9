"""The pictures of the running stack: what is missing is said in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hedge_master.local_stack.dashboard_page import chromium
from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.screenshots import take
from hedge_master.local_stack.stack import Stack, StackError
from hedge_master.settings import load_settings


def program(folder: Path, name: str) -> str:
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """One that was never started: no folder, no secret."""
    environ = load_environment({"HM_HOME": str(tmp_path / "home")}, dotenv=tmp_path / "no.env")
    return Stack(load_settings(environ), environ, Folders(tmp_path / "home"))


def test_the_browser_is_the_one_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium() is None
    chrome = program(tmp_path, "google-chrome")
    assert chromium() == chrome
    debians = program(tmp_path, "chromium")
    assert chromium() == debians


def test_no_browser_and_no_stack_are_said_in_a_line(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match=r"^no Chromium on PATH: install it"):
        next(take(stack))
    program(tmp_path, "chromium")
    with pytest.raises(StackError, match=r"^no stack was started yet: run `make demo`$"):
        next(take(stack))
