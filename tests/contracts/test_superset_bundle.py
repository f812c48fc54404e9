"""The dashboards as code, checked without Superset: what one file names, another one holds."""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ASSETS = Path(__file__).resolve().parents[2] / "superset_config" / "assets"
DASHBOARD_TYPES = {"charts", "dashboards", "databases", "datasets"}
# The order of the columns that the SQL function marts.ranking returns: the warehouse's contract.
RANKING_COLUMNS = [
    *("rank", "symbol", "name", "market", "currency", "type"),
    *(
        "value",
        "volatility_annualised",
        "volatility_usd_annualised",
        "deviation_pct",
        "price_deviation_usd",
        "average_price_usd",
    ),
    *("windows", "windows_expected", "last_bar", "left_out_reason"),
]
# And the names that it knows its measures by.
MEASURES = ["volatility", "deviation_pct", "price_deviation", "volatility_usd"]
_TABLE = re.compile(r"\b(?:from|join)\s+(?!\()([\w.\"]+)", re.IGNORECASE)


def read(kind: str) -> dict[str, dict[str, Any]]:
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((ASSETS / kind).rglob("*.yaml"))}


DATABASES, DATASETS, CHARTS, DASHBOARDS = (read(kind) for kind in ("databases", "datasets", "charts", "dashboards"))
DATASET_OF_UUID = {dataset["uuid"]: dataset for dataset in DATASETS.values()}


def columns(dataset: dict[str, Any]) -> list[str]:
    return [column["column_name"] for column in dataset["columns"]]


def jinja_dict(name: str) -> dict[str, str]:
    """The dict that the ranking's template gives this name."""
    found = re.search(rf"set {name} = (\{{.*?\}}) %\}}", DATASETS["volatility_ranking"]["sql"], re.DOTALL)
    assert found, f"no dict {name} in the template of volatility_ranking"
    value = ast.literal_eval(found[1])
    assert isinstance(value, dict)
    return value


def offered(dataset: str) -> list[str]:
    """The labels of a VALUES dataset, in the order in which the filter shows them."""
    rows = re.findall(r"\('([^']*)', (\d+)\)", DATASETS[dataset]["sql"])
    return [label for label, _ in sorted(rows, key=lambda row: int(row[1]))]


def filters() -> Iterator[dict[str, Any]]:
    for dashboard in DASHBOARDS.values():
        yield from dashboard["metadata"]["native_filter_configuration"]


def test_the_bundle_is_there() -> None:
    assert list(DATABASES) == ["warehouse"]
    assert set(DATASETS) == {"as_of", "look_backs", "measures", "volatility_ranking"}
    assert set(CHARTS) == {"data_as_of", "left_out", "ranking", "symbols_left_out", "symbols_ranked"}
    assert [dashboard["slug"] for dashboard in DASHBOARDS.values()] == ["volatility-ranking"]


@pytest.mark.parametrize("path", sorted(ASSETS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_an_asset_has_its_own_lasting_uuid_and_belongs_to_the_code(path: Path) -> None:
    """uuid5 of the file's kind and name: the same on every machine, so that an import updates and never doubles."""
    if path.name == "metadata.yaml":
        return
    asset, kind = yaml.safe_load(path.read_text("utf-8")), path.relative_to(ASSETS).parts[0]
    assert kind in DASHBOARD_TYPES
    assert asset["uuid"] == str(uuid.uuid5(uuid.NAMESPACE_URL, f"hedge-master/superset/{kind}/{path.stem}"))
    assert asset["is_managed_externally"] is True


def test_every_uuid_is_used_once() -> None:
    uuids = [asset["uuid"] for kind in (DATABASES, DATASETS, CHARTS, DASHBOARDS) for asset in kind.values()]
    assert len(uuids) == len(set(uuids)) == 11


def test_the_database_can_neither_write_nor_upload_nor_be_queried_freely() -> None:
    database = DATABASES["warehouse"]
    for switch in ("allow_dml", "allow_ctas", "allow_cvas", "allow_file_upload", "expose_in_sqllab", "allow_run_async"):
        assert database[switch] is False, switch
    assert database["extra"]["schemas_allowed_for_file_upload"] == []
    assert "default_transaction_read_only=on" in database["extra"]["engine_params"]["connect_args"]["options"]
    assert "pool_size" not in database["extra"]["engine_params"]  # Superset uses NullPool, which knows no such argument


def test_no_password_is_in_the_bundle() -> None:
    uri = DATABASES["warehouse"]["sqlalchemy_uri"]
    assert re.fullmatch(r"postgresql\+psycopg2://\$\{SUPERSET_WAREHOUSE_USER\}@\$\{\w+\}:\$\{\w+\}/\$\{\w+\}", uri)
    assert "password" not in DATABASES["warehouse"]


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_reads_marts_only(name: str) -> None:
    dataset = DATASETS[name]
    assert dataset["schema"] == "marts"
    assert dataset["catalog"] == "${SUPERSET_WAREHOUSE_DATABASE}", "without a catalog analysts get 404"
    assert dataset["database_uuid"] == DATABASES["warehouse"]["uuid"]
    assert dataset["table_name"] == name
    tables = _TABLE.findall(dataset.get("sql") or "from marts." + dataset["table_name"])
    assert all(table.startswith("marts.") for table in tables), tables
    assert len(columns(dataset)) == len(set(columns(dataset)))


def test_the_ranking_has_every_column_of_the_sql_function_in_its_order() -> None:
    dataset = DATASETS["volatility_ranking"]
    assert columns(dataset) == RANKING_COLUMNS
    outer = dataset["sql"].split("\nselect\n")[1].split("from marts.ranking")[0]
    assert [re.split(r"\s", line.strip().rstrip(","))[-1] for line in outer.strip().splitlines()] == RANKING_COLUMNS


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_names_columns_and_metrics_that_its_dataset_has(name: str) -> None:
    chart = CHARTS[name]
    dataset, params = DATASET_OF_UUID[chart["dataset_uuid"]], chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    used = [*params.get("all_columns", []), *params.get("column_config", {})]
    used += [item["subject"] for item in params["adhoc_filters"]]
    used += [yaml.safe_load(item)[0] for item in params.get("order_by_cols", [])]
    assert set(used) <= set(columns(dataset))
    metrics = {metric["metric_name"] for metric in dataset["metrics"]}
    assert {params["metric"]} <= metrics if "metric" in params else params["query_mode"] == "raw"
    assert "time_range" not in params, "Superset's time ranges count from the server's today"


def test_the_ranking_comes_whole_and_in_its_order() -> None:
    params = CHARTS["ranking"]["params"]
    assert params["order_by_cols"] == ['["rank", true]']
    assert params["row_limit"] == CHARTS["left_out"]["params"]["row_limit"] == 100_000
    assert [item["operator"] for item in params["adhoc_filters"]] == ["IS NOT NULL"]
    assert [item["operator"] for item in CHARTS["left_out"]["params"]["adhoc_filters"]] == ["IS NULL"]


def test_the_filters_offer_what_the_template_lets_through() -> None:
    assert offered("look_backs") == list(jinja_dict("look_backs"))
    assert offered("measures") == list(jinja_dict("measures"))
    assert list(jinja_dict("measures").values()) == MEASURES
    assert all(label == interval for label, interval in jinja_dict("look_backs").items())
    months = [int(months) for _, months in re.findall(r"\('([^']*)', (\d+)\)", DATASETS["look_backs"]["sql"])]
    lengths = [int(label.split()[0]) * (12 if "year" in label else 1) for label in offered("look_backs")]
    assert sorted(months) == lengths


def test_the_defaults_of_filter_and_template_are_one() -> None:
    for name, choices in (("look_back", "look_backs"), ("measure", "measures")):
        (native,) = [item for item in filters() if item["targets"][0]["column"]["name"] == name]
        mask = native["defaultDataMask"]
        default = mask["filterState"]["value"]
        assert mask["extraFormData"]["filters"] == [{"col": name, "op": "IN", "val": default}]
        assert (
            f"chosen({choices}, filter_values('{name}', remove_filter=True), '{default[0]}')"
            in (DATASETS["volatility_ranking"]["sql"])
        )
        assert native["controlValues"]["multiSelect"] is False
        assert DATASET_OF_UUID[native["targets"][0]["datasetUuid"]]["metrics"][0]["metric_name"] == native["sortMetric"]


def test_every_filter_has_a_column_and_is_read_before_the_ranks_are_given() -> None:
    for native in filters():
        assert native["filterType"] == "filter_select", "no relative time ranges"
        (target,) = native["targets"]
        column = target["column"]["name"]
        assert column in columns(DATASET_OF_UUID[target["datasetUuid"]])
        assert f"filter_values('{column}', remove_filter=True)" in DATASETS["volatility_ranking"]["sql"]


def test_the_dashboard_holds_every_chart_under_its_name() -> None:
    for dashboard in DASHBOARDS.values():
        position = dashboard["position"]
        parts = {key: part for key, part in position.items() if isinstance(part, dict)}
        placed = {part["meta"]["uuid"]: part["meta"] for part in parts.values() if part["type"] == "CHART"}
        assert {key: meta["sliceName"] for key, meta in placed.items()} == {
            chart["uuid"]: chart["slice_name"] for chart in CHARTS.values()
        }
        assert len({meta["chartId"] for meta in placed.values()}) == len(placed)
        for key, part in parts.items():
            assert part["id"] == key
            assert all(parts[child]["parents"][-1] == key for child in part.get("children", []))
            if part["type"] == "ROW":
                assert sum(parts[child]["meta"]["width"] for child in part["children"]) == 12
