"""What the stored windows hang on is in the hash that has them made anew."""

from __future__ import annotations

import re

from hedge_master.settings import REPO_ROOT

DBT = REPO_ROOT / "dbt_project"
MACROS = {path: path.read_text() for path in sorted((DBT / "macros").glob("*.sql"))}
HOW_ROWS_ARE_WRITTEN = {"following_changes.sql", "formulas.sql", "publish_marts.sql"}  # no value hangs on it
CALL = re.compile(r"\b([a-z_0-9]+)\(")


def defined() -> dict[str, tuple[str, str]]:
    """Macro -> its file and its text."""
    found = {}
    for path, text in MACROS.items():
        for each in re.finditer(r"{%-? macro (\w+)\(.*?endmacro", text, re.DOTALL):
            found[each[1]] = (path.name, each[0])
    return found


def upstream(model: str) -> set[str]:
    """The model's text and those of the models that it reads, all the way up."""
    (path,) = DBT.glob(f"models/*/{model}.sql")
    text = path.read_text()
    return {text}.union(*(upstream(parent) for parent in re.findall(r"ref\(['\"](\w+)", text)))


def test_every_formula_of_the_windows_is_in_the_hash() -> None:
    macros, texts = defined(), list(upstream("fct_cumulative") | upstream("int_stored_returns"))
    called: set[str] = set()
    for text in texts:
        jinja = " ".join(re.findall(r"{{.*?}}|{%.*?%}", text, re.DOTALL))
        for name in set(CALL.findall(jinja)) & macros.keys() - called:
            called.add(name)
            if macros[name][0] not in HOW_ROWS_ARE_WRITTEN:
                texts.append(macros[name][1])
    files = {macros[name][0] for name in called} - HOW_ROWS_ARE_WRITTEN
    hashed = set(re.findall(r"'macros/(\w+\.sql)'", macros["formula_files"][1]))
    assert {"daily_returns", "group_m2_of_parts", "c4", "on_grid", "week_start"} <= called
    assert files == hashed
