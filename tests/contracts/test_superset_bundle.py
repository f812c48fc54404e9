"""The dashboards as code, checked without Superset: what one file names, another one holds."""

from __future__ import annotations

import ast
import importlib.util
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
ASSETS = REPO / "superset_config" / "assets"
DASHBOARD_TYPES = {"charts", "dashboards", "databases", "datasets"}
# The charts that a click on a stock reaches.
HISTORY = {"shown_below", "moving_deviation", "average_price"}
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
# What the datasets add: the value in the unit that people read.
RANKED_COLUMNS = [*RANKING_COLUMNS[:7], "score", "unit", *RANKING_COLUMNS[7:]]
# And the names that it knows its measures by.
MEASURES = [
    *("volatility", "deviation_pct", "price_deviation", "volatility_usd"),
    *("deviation_pct_local", "price_deviation_local"),
    *("parkinson", "garman_klass", "rogers_satchell", "yang_zhang", "greatest_absolute_move"),
]
_CTE = re.compile(r"^(?:with )?(\w+) as \($", re.MULTILINE)
_TABLE = re.compile(r"\b(?:from|join)\s+(?!\()([\w.\"]+)", re.IGNORECASE)


def read(kind: str) -> dict[str, dict[str, Any]]:
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((ASSETS / kind).rglob("*.yaml"))}


def filled_datasets() -> dict[str, dict[str, Any]]:
    """The datasets as Superset gets them: with the shared SQL and dbt's descriptions in their places."""
    spec = importlib.util.spec_from_file_location("superset_bundle", REPO / "superset_config" / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    bundle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bundle)
    parts = ("HOST", "PORT", "DATABASE", "USER")
    values = {f"SUPERSET_WAREHOUSE_{part}": f"${{SUPERSET_WAREHOUSE_{part}}}" for part in parts} | {"BANNER": "banner"}
    assets = bundle.read_bundle(ASSETS, values)
    return {Path(name).stem: yaml.safe_load(text) for name, text in assets.items() if name.startswith("datasets/")}


DATABASES, CHARTS, DASHBOARDS = (read(kind) for kind in ("databases", "charts", "dashboards"))
DATASETS = filled_datasets()
DATASET_OF_UUID = {dataset["uuid"]: dataset for dataset in DATASETS.values()}


def columns(dataset: dict[str, Any]) -> list[str]:
    return [column["column_name"] for column in dataset["columns"]]


def jinja_dict(name: str) -> dict[str, str]:
    """The dict that the ranking's template gives this name."""
    found = re.search(rf"set {name} = (\{{.*?\}}) -?%\}}", DATASETS["volatility_ranking"]["sql"], re.DOTALL)
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
    assert set(DATASETS) == {"as_of", "lengths", "look_backs", "measures", "moving_deviation", "volatility_ranking"}
    figures = {"data_as_of", "markets_ranked", "symbols_left_out", "symbols_ranked"}
    assert set(CHARTS) == figures | {"top_20", "ranking", "left_out"} | HISTORY
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
    assert len(uuids) == len(set(uuids)) == 18


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
    sql = dataset.get("sql") or "from marts." + dataset["table_name"]
    tables = set(_TABLE.findall(sql)) - set(_CTE.findall(sql))
    assert all(table.startswith("marts.") for table in tables), tables
    assert len(columns(dataset)) == len(set(columns(dataset)))


def test_the_ranking_has_every_column_of_the_sql_function_in_its_order() -> None:
    dataset = DATASETS["volatility_ranking"]
    assert columns(dataset) == RANKED_COLUMNS
    inner = dataset["sql"].split("\n  select\n")[1].split("from marts.ranking")[0]
    assert [re.split(r"\s", line.strip().rstrip(","))[-1] for line in inner.strip().splitlines()] == RANKED_COLUMNS


def test_a_click_on_any_column_of_the_tables_reaches_the_history() -> None:
    """A market, a currency or a type narrows the field, the others pick stocks; a date and a bar pick nothing."""
    shown = {*CHARTS["ranking"]["params"]["all_columns"], *CHARTS["left_out"]["params"]["all_columns"]}
    narrowing = {"market", "currency", "type"}
    loop = re.search(r"for column in \(\s+(.*?)\s+\) %\}", DATASETS["moving_deviation"]["sql"], re.DOTALL)
    assert loop is not None
    picking = set(re.findall(r"'(\w+)'", loop[1]))
    # A bar of the top 20 sends the label of its axis.
    assert picking - set(RANKED_COLUMNS) == {"Symbol"}
    assert shown - narrowing - picking == {"last_bar", "value"}  # and `value` is there for exports only
    assert CHARTS["ranking"]["params"]["column_config"]["value"] == {"visible": False}


def test_the_history_shows_the_column_that_the_ranking_is_made_of() -> None:
    macro = (REPO / "dbt_project" / "macros" / "measures.sql").read_text("utf-8")
    by_dbt = dict(re.findall(r"'(\w+)': '(\w+)'", macro.split("endmacro")[0]))
    assert jinja_dict("columns") == by_dbt
    assert set(jinja_dict("units")) == set(by_dbt)


@pytest.mark.parametrize("name", DATASETS)
def test_every_column_that_people_see_is_described(name: str) -> None:
    choices = {"lengths", "look_backs", "measures"}  # the lists behind the filters: shown as bare values
    undescribed = [column["column_name"] for column in DATASETS[name]["columns"] if not column.get("description")]
    assert name in choices or undescribed == []


def test_descriptions_are_those_of_dbt() -> None:
    """What a window's volatility is stands in fct_windows.yml and nowhere else."""
    raw = (ASSETS / "datasets" / "warehouse" / "volatility_ranking.yaml").read_text("utf-8")
    assert "${dbt:fct_windows.volatility_annualised}" in raw
    (described,) = [c for c in DATASETS["volatility_ranking"]["columns"] if c["column_name"] == "volatility_annualised"]
    assert described["description"].endswith("null under 7 returns. 0.4 is 40% a year.")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_names_columns_and_metrics_that_its_dataset_has(name: str) -> None:
    chart = CHARTS[name]
    dataset, params = DATASET_OF_UUID[chart["dataset_uuid"]], chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    used = [*params.get("all_columns", []), *params.get("column_config", {}), *params.get("groupby", [])]
    used += [params["x_axis"]] if "x_axis" in params else []
    used += [item["subject"] for item in params["adhoc_filters"]]
    used += [yaml.safe_load(item)[0] for item in params.get("order_by_cols", [])]
    assert set(used) <= set(columns(dataset))
    named = [params.get("metric"), *params.get("metrics", []), params.get("timeseries_limit_metric")]
    metrics = {metric["metric_name"] for metric in dataset["metrics"]}
    assert set(filter(None, named)) <= metrics
    assert "time_range" not in params, "Superset's time ranges count from the server's today"


def test_the_ranking_comes_whole_and_in_its_order() -> None:
    params = CHARTS["ranking"]["params"]
    assert params["order_by_cols"] == ['["rank", true]']
    assert params["row_limit"] == CHARTS["left_out"]["params"]["row_limit"] == 100_000
    assert params["server_pagination"] is False, "a page's bars would have a scale of their own"
    assert [item["operator"] for item in params["adhoc_filters"]] == ["IS NOT NULL"]
    assert [item["operator"] for item in CHARTS["left_out"]["params"]["adhoc_filters"]] == ["IS NULL"]


def test_the_filters_offer_what_the_template_lets_through() -> None:
    assert offered("look_backs") == list(jinja_dict("look_backs"))
    assert offered("measures") == list(jinja_dict("measures"))
    assert offered("lengths") == list(jinja_dict("lengths"))
    assert all(label == rows for label, rows in jinja_dict("lengths").items() if label != "all")
    assert jinja_dict("lengths")["all"] == "null"
    assert list(jinja_dict("measures").values()) == MEASURES
    assert all(label == interval for label, interval in jinja_dict("look_backs").items())
    months = [int(months) for _, months in re.findall(r"\('([^']*)', (\d+)\)", DATASETS["look_backs"]["sql"])]
    lengths = [int(label.split()[0]) * (12 if "year" in label else 1) for label in offered("look_backs")]
    assert sorted(months) == lengths


def test_the_defaults_of_filter_and_template_are_one() -> None:
    # A chart that "Rows" does not reach, such as the count of those ranked, has all rows.
    for name, choices, where_there_is_none in (
        ("look_back", "look_backs", "1 year"),
        ("measure", "measures", "Volatility"),
        ("length", "lengths", "all"),
    ):
        (native,) = [item for item in filters() if item["targets"][0]["column"]["name"] == name]
        mask = native["defaultDataMask"]
        default = mask["filterState"]["value"]
        assert default == ["100" if name == "length" else where_there_is_none]
        assert mask["extraFormData"]["filters"] == [{"col": name, "op": "IN", "val": default}]
        assert (
            f"chosen({choices}, filter_values('{name}', remove_filter=True), '{where_there_is_none}')"
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
        sql = DATASETS["volatility_ranking"]["sql"]
        narrowing = re.search(r"for column in (\(.*?\)) %\}\s+\{%- for filter in get_filters\(column, remove_", sql)
        assert narrowing is not None
        assert column in ast.literal_eval(narrowing[1]) or f"filter_values('{column}', remove_filter=True)" in sql


def chart_numbers() -> dict[str, int]:
    """File stem of each chart -> the number that the dashboard's file gives it."""
    parts = [part for part in DASHBOARDS["volatility_ranking"]["position"].values() if isinstance(part, dict)]
    by_uuid = {part["meta"]["uuid"]: part["meta"]["chartId"] for part in parts if part["type"] == "CHART"}
    return {stem: by_uuid[chart["uuid"]] for stem, chart in CHARTS.items()}


def test_a_click_reaches_the_history_and_nothing_else() -> None:
    """The ranking, the figures and the top 20 must not shrink to the stock that was clicked."""
    metadata, numbers = DASHBOARDS["volatility_ranking"]["metadata"], chart_numbers()
    assert metadata["cross_filters_enabled"] is True
    spared = metadata["global_chart_configuration"]["scope"]["excluded"]
    assert {stem for stem, number in numbers.items() if number not in spared} == HISTORY
    for number, configuration in metadata["chart_configuration"].items():
        assert configuration["id"] == int(number)
        assert configuration["crossFilters"]["scope"] == "global"
    clickable = {stem for stem, chart in CHARTS.items() if chart["viz_type"] != "big_number_total"}
    assert {numbers[stem] for stem in clickable} == {int(number) for number in metadata["chart_configuration"]}


def test_rows_reaches_the_ranking_only() -> None:
    (rows,) = [item for item in filters() if item["name"] == "Rows"]
    numbers = chart_numbers()
    assert {stem for stem, number in numbers.items() if number not in rows["scope"]["excluded"]} == {"ranking"}


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
    first = dashboard["position"]["GRID_ID"]["children"][0]
    assert "${BANNER}" in str(dashboard["position"][dashboard["position"][first]["children"][0]]["meta"]["code"])
