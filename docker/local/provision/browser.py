"""Chromium, which the browser tests and the screenshots drive; the stack itself needs none."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from provision.places import SetupError
from provision.programs import Programs

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium", "fonts-liberation")


def installed(environ: Mapping[str, str]) -> str | None:
    """The first browser of NAMES on PATH."""
    return next((name for name in NAMES if shutil.which(name, path=environ.get("PATH"))), None)


def provide(programs: Programs, environ: Mapping[str, str]) -> None:
    """Installs Debian's Chromium where root and apt-get allow it; else says how to get one, and the run goes on."""
    if installed(environ):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get", path=environ.get("PATH")):
        print("No browser: what needs one is skipped (Debian: sudo apt-get install chromium fonts-liberation)")
        return
    print("Chromium is installed by apt-get, for the browser test and screenshots", flush=True)
    quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    try:
        programs.run("apt-get update", ["apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any"], quiet)
        # Interrupted while it downloads, nothing is half installed; what follows takes seconds and is let to its end.
        programs.run("Chromium", [*install, "--download-only"], quiet)
        programs.run("Chromium installation", [*install, "--no-download"], quiet, lasting=True)
    except SetupError as error:
        if programs.interrupted:
            raise
        print(f"No browser, what needs one is skipped: {error}", file=sys.stderr)
