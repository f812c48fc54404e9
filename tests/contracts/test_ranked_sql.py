"""What the dashboard's filters make of the ranking's call, rendered as Superset renders it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jinja2
import pytest
from jinja2.sandbox import SandboxedEnvironment

from contracts.test_superset_bundle import DATASETS

MARKETS = {"op": "IN", "val": ["Paris", "O'Hare 100%"]}
CLICKED = {"op": "IN", "val": ["Paris"]}
NO_CURRENCY = {"op": "IS NULL", "val": None}


class RefusedError(Exception):
    pass


def refused(column: str, operator: str) -> str:
    raise RefusedError(f"{column} {operator}")


def where_in(values: list[str]) -> str:
    """As Superset's, with SQLAlchemy's psycopg2 dialect: quotes and percent signs are doubled."""
    return "(" + ", ".join("'" + value.replace("'", "''").replace("%", "%%") + "'" for value in values) + ")"


def rendered(dataset: str, filters: Mapping[str, list[dict[str, Any]]], **picked: str) -> str:
    environment = SandboxedEnvironment(undefined=jinja2.DebugUndefined)
    environment.filters["where_in"] = where_in
    return environment.from_string(DATASETS[dataset]["sql"]).render(
        chosen=lambda choices, values, default: choices[values[0] if values else default],
        refused=refused,
        filter_values=lambda column, remove_filter: [picked[column]] if column in picked else [],
        get_filters=lambda column, remove_filter: filters.get(column, []),
    )


def call(sql: str) -> str:
    """The arguments of marts.ranking that follow those of every call."""
    found = re.search(r"marts\.ranking\((.*?)\n  \)", sql, re.DOTALL)
    assert found is not None
    return found[1].strip().partition("as_of => null")[2]


def test_lists_go_into_the_function_and_rows_cut_its_answer() -> None:
    filters = {"market": [MARKETS], "type": [{"op": "IN", "val": ["ETF"]}]}
    sql = rendered("volatility_ranking", filters, length="50")
    assert call(sql) == (
        ", markets => array['Paris', 'O''Hare 100%']::text[], types => array['ETF']::text[], top => 50"
    )
    assert "where true\n" in sql
    assert "rank() over" not in sql


def test_without_rows_everybody_comes_with_the_reason() -> None:
    assert call(rendered("volatility_ranking", {})) == ", top => null"


@pytest.mark.parametrize(
    ("filters", "condition"),
    [
        ({"market": [MARKETS, CLICKED]}, " and market in ('Paris')"),
        ({"currency": [NO_CURRENCY]}, " and currency is null"),
    ],
)
@pytest.mark.parametrize("dataset", ["volatility_ranking", "moving_deviation"])
def test_what_the_function_does_not_take_narrows_its_whole_answer(
    dataset: str, filters: dict[str, list[dict[str, Any]]], condition: str
) -> None:
    """The first 50 of all may hold none of those that are asked for; and the ranks are of all."""
    sql = rendered(dataset, filters, length="50")
    assert "top =>" not in sql
    assert f"where true{condition}\n" in sql
    assert "case when rank is not null then rank() over (order by rank nulls last) end as rank," in sql


def test_five_are_enough_until_somebody_clicks() -> None:
    assert call(rendered("moving_deviation", {})) == ", top => 5"
    clicked = rendered("moving_deviation", {}, symbol="IBM", left_out_reason="no prices")
    assert call(clicked) == ""
    assert "where false or symbol in ('IBM') or left_out_reason in ('no prices')\n" in clicked


def test_another_operator_is_refused() -> None:
    with pytest.raises(RefusedError, match="type ILIKE"):
        rendered("volatility_ranking", {"type": [{"op": "ILIKE", "val": "E%"}]})
