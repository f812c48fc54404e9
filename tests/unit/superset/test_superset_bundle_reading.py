"""bundle.py: the dashboards as code, with the stack's addresses filled in."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


def test_addresses_are_filled_in_and_nothing_else(bundle: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "price.yaml").write_text("host: ${HOST}\nformat: '$,.2f'\nsql: '{{ x }}'\n")
    (tmp_path / "charts" / "notes.txt").write_text("no asset")
    read = bundle.read_bundle(tmp_path, {"HOST": "127.0.0.1"})
    assert read == {"charts/price.yaml": "host: 127.0.0.1\nformat: '$,.2f'\nsql: '{{ x }}'\n"}


def test_an_unknown_address_is_named_with_its_file(bundle: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "warehouse.yaml").write_text("uri: postgresql://${HOSTNAME}/x\n")
    with pytest.raises(bundle.BrokenBundle, match=r"warehouse\.yaml: \$\{HOSTNAME\} is none of HOST, PORT"):
        bundle.read_bundle(tmp_path, {"PORT": "1", "HOST": "h"})


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
