"""A browser for the tests: found, installed, or a line that says how to get one; never a reason to stop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from provision import browser
from provision.places import SetupError
from provision.programs import Programs

from hedge_master.local_stack.dashboard_page import CHROMIUM_NAMES


def test_the_set_up_looks_for_the_browsers_that_the_tests_drive() -> None:
    assert browser.NAMES == CHROMIUM_NAMES


class Recorded(Programs):
    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.calls: list[tuple[str, bool]] = []
        self.fails = fails

    def run(self, name: str, command: object, environ: object = None, *, lasting: bool = False) -> None:
        self.calls.append((name, lasting))
        if self.fails:
            raise SetupError("apt-get update could not be downloaded")


def path_with(folder: Path, *names: str) -> dict[str, str]:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return {"PATH": str(folder)}


def test_a_browser_that_is_there_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = path_with(tmp_path, "google-chrome", "apt-get")
    programs = Recorded()
    browser.provide(programs, environ)
    assert (browser.installed(environ), programs.calls, capsys.readouterr().out) == ("google-chrome", [], "")


def test_an_ordinary_user_is_told_how_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    programs = Recorded()
    browser.provide(programs, path_with(tmp_path, "apt-get"))
    assert programs.calls == []
    assert capsys.readouterr().out.count("\n") == 1


def test_root_gets_it_from_apt_which_is_never_stopped_while_it_unpacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    programs = Recorded()
    browser.provide(programs, path_with(tmp_path, "apt-get"))
    assert programs.calls == [("apt-get update", False), ("Chromium", False), ("Chromium installation", True)]


def test_without_a_network_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    browser.provide(Recorded(fails=True), path_with(tmp_path, "apt-get"))
    assert "what needs one is skipped" in capsys.readouterr().err
