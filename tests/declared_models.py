"""What dbt's property files say of models and sources, read as YAML: no dbt has to start for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from hedge_master.settings import REPO_ROOT

MODELS = REPO_ROOT / "dbt_project" / "models"
Entry = dict[str, Any]


def entries(kind: str) -> Iterator[Entry]:
    """The entries under `models`, `sources` or `exposures` of all files."""
    for path in sorted(MODELS.rglob("*.yml")):
        yield from (yaml.safe_load(path.read_text("utf-8")) or {}).get(kind, [])


def models() -> dict[str, Entry]:
    """Model -> its entry; one without has an empty one."""
    described = {entry["name"]: entry for entry in entries("models")}
    return {path.stem: described.get(path.stem, {}) for path in sorted(MODELS.rglob("*.sql"))}


def undescribed(entry: Entry) -> list[str]:
    """The columns of a model or source that are named without a word on what they are."""
    return [column["name"] for column in entry.get("columns", []) if not column.get("description", "").strip()]
