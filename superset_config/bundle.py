"""The dashboards as code: assets/ read, addresses filled in, a fingerprint that tells whether anything changed.

Nothing here imports Superset: reading the bundle takes milliseconds, importing Superset seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

ASSETS = Path(__file__).resolve().parent / "assets"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_UUID = re.compile(r"\b(\w*uuid): *([0-9a-f-]{36})", re.IGNORECASE)


class BrokenBundle(ValueError):
    """assets/ cannot be imported; the text names the file and the field."""


def read_bundle(folder: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """Path inside `folder` -> text of every YAML file, with ${NAME} replaced by `addresses[NAME]`."""
    paths = sorted(folder.rglob("*.yaml"))
    if not paths:
        raise BrokenBundle(f"{folder}: no *.yaml in it")
    names = [path.relative_to(folder).as_posix() for path in paths]
    bundle = {n: _filled(n, path.read_text("utf-8"), addresses) for n, path in zip(names, paths, strict=True)}
    _check_references(bundle)
    return bundle


def _filled(name: str, text: str, addresses: Mapping[str, str]) -> str:
    def address(match: re.Match[str]) -> str:
        if match[1] not in addresses:
            raise BrokenBundle(f"{name}: {match[0]} is none of {', '.join(sorted(addresses))}")
        return addresses[match[1]]

    return _PLACEHOLDER.sub(address, text)


def asset_uuids(bundle: Mapping[str, str]) -> set[str]:
    """The uuids of the assets themselves: the `uuid:` at the left margin of each file."""
    return {uuid for text in bundle.values() for uuid in re.findall(r"^uuid: (\S+)", text, re.MULTILINE)}


def _check_references(bundle: Mapping[str, str]) -> None:
    """Superset says only "KeyError" where a chart, a filter or a place on the dashboard names what does not exist."""
    known = asset_uuids(bundle)
    for name, text in bundle.items():
        for field, uuid in _UUID.findall(text):
            if uuid not in known:
                raise BrokenBundle(f"{name}: {field} {uuid} is the uuid of no asset")


def fingerprint(key: str, parts: Iterable[str]) -> str:
    """A keyed hash over `parts`: equal parts give an equal one, and it helps nobody to guess a password in it."""
    digest = hmac.new(key.encode(), digestmod=hashlib.sha256)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
