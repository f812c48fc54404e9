"""bundle.py: the dashboards as code, with the stack's addresses filled in."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml


def read(bundle: ModuleType, folder: Path, values: dict[str, str], dbt_project: Path | None = None) -> dict[str, Any]:
    """Path -> the asset as Superset's import will parse it."""
    texts = bundle.read_bundle(folder, values, dbt_project or folder / "no-dbt")
    return {name: yaml.safe_load(text) for name, text in texts.items()}


def test_values_are_filled_in_and_nothing_else(bundle: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "price.yaml").write_text("host: ${HOST}\nformat: '$,.2f'\nsql: '{{ x }}'\n")
    (tmp_path / "charts" / "notes.txt").write_text("no asset")
    assert read(bundle, tmp_path, {"HOST": "127.0.0.1"}) == {
        "charts/price.yaml": {"host": "127.0.0.1", "format": "$,.2f", "sql": "{{ x }}"}
    }


def test_a_value_may_hold_what_means_something_in_yaml(bundle: ModuleType, tmp_path: Path) -> None:
    text = "**Real**: 100% of it # really\n- '${HOST}'"
    (tmp_path / "dashboard.yaml").write_text("meta: {width: 12, code: '${BANNER}'}\n")
    assert read(bundle, tmp_path, {"BANNER": text})["dashboard.yaml"]["meta"] == {"width": 12, "code": text}


def test_an_unknown_value_is_named_with_its_file_and_field(bundle: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "warehouse.yaml").write_text("extra:\n  uri: postgresql://${HOSTNAME}/x\n")
    expected = r"warehouse\.yaml: extra\.uri: \$\{HOSTNAME\} is none of HOST, PORT"
    with pytest.raises(bundle.BrokenBundle, match=expected):
        read(bundle, tmp_path, {"PORT": "1", "HOST": "h"})


def test_shared_sql_stands_where_it_is_named(bundle: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "ranked.sql").write_text("with ranked as (\n  select 1 as rank\n)\n")
    (tmp_path / "ranking.yaml").write_text("sql: |\n  ${sql:ranked}\n  select * from ranked\n")
    sql = "with ranked as (\n  select 1 as rank\n)\nselect * from ranked\n"
    assert read(bundle, tmp_path, {}) == {"ranking.yaml": {"sql": sql}}
    (tmp_path / "ranking.yaml").write_text("sql: ${sql:rnaked}\n")
    with pytest.raises(bundle.BrokenBundle, match=r"ranking\.yaml: sql: \$\{sql:rnaked\} is none of sql:ranked"):
        read(bundle, tmp_path, {})


@pytest.fixture
def dbt_project(tmp_path: Path) -> Path:
    """One model, and one SQL function that a macro creates."""
    project = tmp_path / "dbt"
    (project / "models" / "marts").mkdir(parents=True)
    (project / "models" / "marts" / "fct_windows.yml").write_text(
        "models:\n- name: fct_windows\n  columns:\n  - name: window_end\n    description: >\n"
        "      A Sunday,\n      13 days later.\n  - {name: symbol_id}\n"
    )
    (project / "macros").mkdir()
    (project / "macros" / "ranking_function.yml").write_text(
        "macros:\n- name: create_ranking_function\n  config: {meta: {function: ranking, columns: "
        "[{name: rank, description: '1 is first.'}]}}\n- name: another\n"
    )
    return project


def test_descriptions_come_from_dbt(bundle: ModuleType, tmp_path: Path, dbt_project: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "windows.yaml").write_text(
        "columns:\n- column_name: window_end\n  description: 'Until then: ${dbt:fct_windows.window_end}'\n"
        "- column_name: rank\n  description: ${dbt:ranking.rank}\n"
    )
    first, second = read(bundle, assets, {}, dbt_project)["windows.yaml"]["columns"]
    assert first["description"] == "Until then: A Sunday, 13 days later."
    assert second["description"] == "1 is first."


@pytest.mark.parametrize("reference", ["fct_windows.window_start", "fct_windows.symbol_id", "windows.window_end"])
def test_a_description_that_dbt_lacks_is_named(
    bundle: ModuleType, tmp_path: Path, dbt_project: Path, reference: str
) -> None:
    """A column that dbt does not know, one that it does not describe, a model that it does not know."""
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "windows.yaml").write_text(f"columns:\n- column_name: window_end\n  description: ${{dbt:{reference}}}\n")
    expected = rf"windows\.yaml: columns\.window_end\.description: \$\{{dbt:{reference}\}} is none of dbt:fct_windows"
    with pytest.raises(bundle.BrokenBundle, match=expected):
        read(bundle, assets, {}, dbt_project)


def test_a_reference_to_nothing_is_named(bundle: ModuleType, tmp_path: Path) -> None:
    """Superset's own word for it is KeyError."""
    here, gone = "70d9cfc5-a97d-541f-920c-0933a12f9b1d", "11111111-a97d-541f-920c-0933a12f9b1d"
    (tmp_path / "warehouse.yaml").write_text(f"database_name: warehouse\nuuid: {here}\n")
    (tmp_path / "prices.yaml").write_text(f"database_uuid: {here}\nuuid: b2893777-ed80-5716-b78a-8e8ed82f5361\n")
    assert len(bundle.asset_uuids(bundle.read_bundle(tmp_path, {}))) == 2
    (tmp_path / "ranking.yaml").write_text(f"targets: [{{datasetUuid: {gone}}}]\n")
    with pytest.raises(bundle.BrokenBundle, match=rf"ranking\.yaml: datasetUuid {gone} is the uuid of no asset"):
        bundle.read_bundle(tmp_path, {})


def test_an_empty_folder_is_no_bundle(bundle: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(bundle.BrokenBundle, match=r"no \*\.yaml"):
        bundle.read_bundle(tmp_path, {})


def test_a_fingerprint_changes_with_any_part_and_with_the_key(bundle: ModuleType) -> None:
    prints = {
        bundle.fingerprint(key, parts)
        for key, parts in [
            ("key", ["a", "b"]),
            ("key", ["ab", ""]),
            ("key", ["b", "a"]),
            ("key", ["a", "b", ""]),
            ("other", ["a", "b"]),
        ]
    }
    assert len(prints) == 5
    assert bundle.fingerprint("key", ["a", "b"]) == bundle.fingerprint("key", iter(["a", "b"]))
