"""The jars of ivy.xml, or of another such file, fetched by the Ivy that pyspark bundles."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from provision.java import JAVA
from provision.places import BUILD, LOCAL_FILES, VENV, hashed, is_done
from provision.programs import Programs

IVY_FILE = LOCAL_FILES / "ivy.xml"
IVY_SETTINGS = LOCAL_FILES / "ivysettings.xml"
JARS = BUILD / "jars"


def are_there(ivy_file: Path = IVY_FILE, folder: Path = JARS) -> bool:
    return is_done(folder / ".made-from", hashed(ivy_file))


def fetch(programs: Programs, environ: Mapping[str, str], ivy_file: Path = IVY_FILE, folder: Path = JARS) -> None:
    """Into a folder beside, renamed when whole."""
    ivy = next((VENV / "lib").glob("python3.*/site-packages/pyspark/jars/ivy-*.jar"))
    beside = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    pattern = f"{beside}/[conf]/[artifact]-[revision].[ext]"
    programs.run(
        folder.name,
        [JAVA, *proxy_options(environ), "-jar", ivy, "-settings", IVY_SETTINGS,
         "-cache", BUILD / "ivy", "-ivy", ivy_file, "-retrieve", pattern],
        environ,
    )  # fmt: skip
    (beside / ".made-from").write_text(hashed(ivy_file))
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)


def proxy_options(environ: Mapping[str, str]) -> list[str]:
    """Java's own words for HTTPS_PROXY and NO_PROXY, which it does not read."""
    proxy = urlsplit(environ.get("HTTPS_PROXY") or environ.get("https_proxy") or "")
    if not proxy.hostname:
        return []
    direct = (environ.get("NO_PROXY") or environ.get("no_proxy") or "").split(",")
    hosts = [f"*{host.strip()}" if host.strip().startswith(".") else host.strip() for host in direct if host.strip()]
    return [
        f"-Dhttps.proxyHost={proxy.hostname}",
        f"-Dhttps.proxyPort={proxy.port or 443}",
        f"-Dhttp.nonProxyHosts={'|'.join(hosts)}",
    ]
