"""`make dbt-docs` shows what stands in the models' property files and nothing else: so every model and column is there.

That the columns named are those that the models really have is seen where they are built (tests/dbt/test_models.py).
"""

from __future__ import annotations

import re

import pytest
import yaml

from declared_models import MODELS, entries, models, undescribed

ALL = models()
MARTS = sorted(path.stem for path in (MODELS / "marts").glob("*.sql"))
SOURCES = {table["name"]: table for source in entries("sources") for table in source["tables"]}


def test_the_models_are_found() -> None:
    assert {"stg_market__prices", "int_sessions", "fct_windows", "as_of"} <= ALL.keys()
    assert "fct_cumulative" in MARTS
    assert {"symbols", "prices", "splits"} <= SOURCES.keys()


@pytest.mark.parametrize("name", ALL)
def test_a_model_and_each_of_its_columns_say_what_they_are(name: str) -> None:
    entry = ALL[name]
    assert entry.get("description", "").strip(), f"{name} has no description"
    assert entry.get("columns"), f"{name} names no column"
    assert undescribed(entry) == []


@pytest.mark.parametrize("name", MARTS)
def test_a_mart_gives_its_contract_for_each_column(name: str) -> None:
    """dbt builds no mart whose columns are not those of its contract."""
    assert [column["name"] for column in ALL[name]["columns"] if not column.get("data_type")] == []
    project = yaml.safe_load((MODELS.parent / "dbt_project.yml").read_text("utf-8"))
    assert project["models"]["hedge_master"]["marts"]["+contract"] == {"enforced": True}


def test_no_entry_is_left_of_a_model_that_is_no_more_and_none_stands_twice() -> None:
    assert sorted(entry["name"] for entry in entries("models")) == sorted(ALL)


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_and_each_of_its_columns_say_what_they_are(name: str) -> None:
    assert SOURCES[name].get("description", "").strip(), f"{name} has no description"
    assert SOURCES[name].get("columns"), f"{name} names no column"
    assert undescribed(SOURCES[name]) == []


def test_who_shows_the_ranking_depends_on_all_that_it_reads() -> None:
    functions = "".join(path.read_text("utf-8") for path in (MODELS.parent / "macros").glob("ranking_*.sql"))
    read = set(re.findall(r"\{\{ schema \}\}\.((?:fct|dim)_\w+|as_of)\b", functions))
    assert {"fct_cumulative", "dim_symbols"} <= read
    for exposure in entries("exposures"):
        assert {f"ref('{name}')" for name in read} <= set(exposure["depends_on"]), exposure["name"]
