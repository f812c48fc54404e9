"""The dashboards as code: assets/ read, placeholders filled in, a fingerprint that tells whether anything changed.

A text of an asset may hold
    ${NAME}                 a value that the environment gives: an address, the banner
    ${dbt:MODEL.COLUMN}     the description of a column, as dbt_project declares it
    ${sql:STEM}             the text of assets/sql/STEM.sql, SQL that several datasets begin with

Nothing here imports Superset: reading the bundle takes a fraction of a second, importing Superset seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

ASSETS = Path(__file__).resolve().parent / "assets"
DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_UUID_FIELD = re.compile(r"uuid$", re.IGNORECASE)


class BrokenBundle(ValueError):
    """assets/ cannot be imported; the text names the file and the field."""


def read_bundle(folder: Path, values: Mapping[str, str], dbt_project: Path = DBT_PROJECT) -> dict[str, str]:
    """Path inside `folder` -> text of every YAML file, with its placeholders filled in."""
    paths = sorted(folder.rglob("*.yaml"))
    if not paths:
        raise BrokenBundle(f"{folder}: no *.yaml in it")
    known = dict(values)
    known |= {f"sql:{path.stem}": path.read_text("utf-8").rstrip() for path in (folder / "sql").glob("*.sql")}
    known |= {f"dbt:{name}": text for name, text in column_descriptions(dbt_project).items()}
    assets = {path.relative_to(folder).as_posix(): yaml.safe_load(path.read_text("utf-8")) for path in paths}
    filled = {name: _filled(asset, name, "", known) for name, asset in assets.items()}
    _check_references(filled)
    return {name: yaml.safe_dump(asset, allow_unicode=True, sort_keys=False) for name, asset in filled.items()}


def _filled(node: Any, file: str, field: str, known: Mapping[str, str]) -> Any:
    """The asset with every placeholder in its texts replaced; `field` is the path to `node`, for the error."""
    if isinstance(node, dict):
        return {key: _filled(each, file, f"{field}.{key}".lstrip("."), known) for key, each in node.items()}
    if isinstance(node, list):
        return [_filled(each, file, f"{field}.{_name_in_list(each, i)}", known) for i, each in enumerate(node)]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        if match[1] in known:
            return known[match[1]]
        kind, colon, _ = match[1].partition(":")
        prefix = kind + colon if colon else ""
        choices = sorted(name for name in known if (name.startswith(prefix) if prefix else ":" not in name))
        raise BrokenBundle(f"{file}: {field}: {match[0]} is none of {', '.join(choices) or 'nothing at all'}")

    return _PLACEHOLDER.sub(value, node)


def _name_in_list(node: Any, index: int) -> str:
    named = node.get("column_name") or node.get("metric_name") if isinstance(node, dict) else None
    return named or str(index)


def column_descriptions(dbt_project: Path) -> dict[str, str]:
    """MODEL.COLUMN -> description, of dbt's models and of the SQL functions that its macros create.

    A function has no place in dbt's own property files: the macro's `config.meta` names it and lists its columns.
    """
    declared = [each for path in sorted((dbt_project / "models").rglob("*.yml")) for each in _listed(path, "models")]
    for path in sorted((dbt_project / "macros").rglob("*.yml")):
        metas = [macro.get("config", {}).get("meta", {}) for macro in _listed(path, "macros")]
        declared += [{"name": meta["function"], "columns": meta["columns"]} for meta in metas if "function" in meta]
    return {
        f"{each['name']}.{column['name']}": " ".join(column["description"].split())
        for each in declared
        for column in each.get("columns", [])
        if column.get("description")
    }


def _listed(path: Path, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (yaml.safe_load(path.read_text("utf-8")) or {}).get(kind, [])
    return found


def asset_uuids(bundle: Mapping[str, str]) -> set[str]:
    """The uuids of the assets themselves: the `uuid:` at the left margin of each file."""
    return {uuid for text in bundle.values() for uuid in re.findall(r"^uuid: (\S+)", text, re.MULTILINE)}


def _check_references(assets: Mapping[str, Any]) -> None:
    """Superset says only "KeyError" where a chart, a filter or a place on the dashboard names what does not exist."""
    known = {asset["uuid"] for asset in assets.values() if "uuid" in asset}
    for name, asset in assets.items():
        for field, uuid in _uuid_fields(asset):
            if uuid not in known:
                raise BrokenBundle(f"{name}: {field} {uuid} is the uuid of no asset")


def _uuid_fields(node: Any) -> Iterable[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and _UUID_FIELD.search(key):
                yield key, value
            else:
                yield from _uuid_fields(value)
    elif isinstance(node, list):
        for each in node:
            yield from _uuid_fields(each)


def fingerprint(key: str, parts: Iterable[str]) -> str:
    """A keyed hash over `parts`: equal parts give an equal one, and it helps nobody to guess a password in it."""
    digest = hmac.new(key.encode(), digestmod=hashlib.sha256)
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
