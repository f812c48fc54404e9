"""Remembers what was done with which inputs, so that a second start does not do it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from hedge_master.local_stack.folders import Folders


def fingerprint(texts: Iterable[str] = (), files: Iterable[Path] = ()) -> str:
    """A hash of texts and of files' contents; secrets may be among the texts."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() + b"\0")
    for file in sorted(files):
        total.update(str(file).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def is_done(folders: Folders, name: str, inputs: str) -> bool:
    stamp = folders.stamps / name
    return stamp.exists() and stamp.read_text() == inputs


def mark_done(folders: Folders, name: str, inputs: str) -> None:
    (folders.stamps / name).write_text(inputs)
