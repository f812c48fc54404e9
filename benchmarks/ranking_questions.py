"""What is asked of the ranking, and the statements that answer it: ours, Superset's, and the plain average's."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jinja2
import yaml
from ranking_market import MARKET_DATE

from hedge_master.settings import REPO_ROOT

SUPERSET = REPO_ROOT / "superset_config"
COLUMNS = {"markets": "market", "currencies": "currency", "types": "type", "tiers": "liquidity_tier"}
ROWS = 100


@dataclass(frozen=True)
class Question:
    """A look-back that ends `days_ago` before the market date; `filters` by the names of the function's arguments."""

    look_back: str
    days_ago: int = 0
    measure: str = "volatility"
    filters: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def as_of(self) -> date:
        return MARKET_DATE - timedelta(days=self.days_ago)

    @property
    def values(self) -> dict[str, Any]:
        return {"look_back": self.look_back, "measure": self.measure, "as_of": self.as_of, **self.filters}

    def __str__(self) -> str:
        chosen = "".join(f", {', '.join(values)}" for values in self.filters.values())
        return f"{self.measure} over {self.look_back} up to {self.as_of}{chosen}"


QUESTIONS = (
    Question("1 year"),
    Question("1 month", 3, "deviation_pct"),
    Question("3 months", 40, "price_deviation", {"markets": ["United States"]}),
    Question("6 months", 0, "yang_zhang", {"types": ["Equity"]}),
    Question("2 years", 100, "volatility_usd", {"currencies": ["USD", "EUR"]}),
    Question("5 years", 0, "price_deviation"),
    Question("10 years", 11, "volatility", {"tiers": ["high", "medium"]}),
    Question("19 years", 0, "parkinson"),
    Question("45 days", 777, "garman_klass"),
    Question("90 days", 1500, "rogers_satchell", {"types": ["ETF"]}),
    Question("26 weeks", 200, "greatest_absolute_move", {"currencies": ["JPY"]}),
    Question("52 weeks", 364, "deviation_pct_local"),
    Question("1 year", 2200, "price_deviation_local", {"currencies": ["GBX"]}),
    Question("18 months", 61, "volatility", {"tiers": ["high"], "types": ["Equity"]}),
    Question("3 years", 1000, "deviation_pct"),
    Question("7 days", 5, "volatility"),
    Question("7 years", 400, "yang_zhang", {"markets": ["United States", "Frankfurt", "Toronto"]}),
    Question("250 days", 3000, "volatility_usd"),
    Question("15 years", 900, "price_deviation", {"tiers": ["high", "medium", "low"]}),
    Question("2 years", 4000, "volatility", {"currencies": ["EUR"], "types": ["Equity"]}),
)


def ranking(question: Question, columns: str = "*", **options: object) -> str:
    """A call of marts.ranking for question.values, with more arguments of it as SQL has them."""
    filters = [f"{name} => %({name})s::text[]" for name in question.filters]
    more = [f"{name} => {value}" for name, value in options.items()]
    arguments = ["look_back => %(look_back)s::interval, measure => %(measure)s, as_of => %(as_of)s", *filters, *more]
    return f"select {columns} from marts.ranking({', '.join(arguments)})"  # noqa: S608 (names of our own)


def plain_average(question: Question, column: str) -> str:
    """The same rule without sums: all windows of the look-back are read. Symbol and value of those that rank.

    Out is what was delisted by the end or has had no bar for 14 days, and what has a grave flag that touches a window.
    """
    chosen = "".join(f" and {COLUMNS[name]} = any(%({name})s)" for name in question.filters)
    return f"""
    with span as materialized (
        select starts_on, ends_on,
            (select count(*) from generate_series(starts_on + 1, ends_on::timestamp, '1 day') as day
                where extract(isodow from day) = 7) as expected
        from (
            select (%(as_of)s::date - %(look_back)s::interval)::date as starts_on, %(as_of)s::date as ends_on
        ) as asked
    ),
    counted as (
        select min(day)::date - 13 as first_day, max(day)::date as last_day
        from span cross join generate_series(starts_on + 1, ends_on::timestamp, '1 day') as day
        where extract(isodow from day) = 7
    ),
    averages as (
        select symbol_id,
            avg({column}) filter (where window_end > starts_on) as value,
            count({column}) filter (where window_end > starts_on) as found,
            bool_or(window_start <= starts_on) as covers
        from marts.fct_windows, span
        where is_complete and window_start >= starts_on - 13 and window_start <= ends_on - 13
        group by symbol_id
    )
    select symbol, value
    from averages inner join marts.dim_symbols using (symbol_id), span
    where covers and 5 * found >= 4 * expected and value is not null and liquidity_tier <> 'untradable'{chosen}
        and (delisted_on is null or delisted_on > ends_on) and last_bar >= ends_on - 14
        and symbol_id not in (
            select symbol_id from marts.fct_price_flags, counted
            where severity = 'grave' and day <= counted.last_day
                and (fct_price_flags.last_day >= first_day or returned_on >= first_day)
        )
    order by value desc, symbol
    """  # noqa: S608 (names of our own)


def superset_query(dataset: str, select: str, picked: Mapping[str, Sequence[str]]) -> str:
    """What Superset sends for a chart: `select` with the dataset's SQL in the place of its {}.

    `picked`: filter -> values. Jinja's helpers stand in for Superset's, as far as the datasets use them.
    """
    spec = importlib.util.spec_from_file_location("bundle_of_superset", SUPERSET / "bundle.py")
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{SUPERSET / 'bundle.py'} cannot be read")
    bundle = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bundle)
    parts = ("HOST", "PORT", "DATABASE", "USER")
    assets = bundle.read_bundle(
        SUPERSET / "assets", {f"SUPERSET_WAREHOUSE_{part}": "benchmark" for part in parts} | {"BANNER": ""}
    )
    (text,) = [text for name, text in assets.items() if Path(name).stem == dataset and name.startswith("datasets/")]

    def filters_on(column: str, **_: bool) -> list[dict[str, Any]]:
        return [{"op": "IN", "val": list(picked[column])}] if column in picked else []

    environment = jinja2.Environment(autoescape=False)  # noqa: S701 (SQL, not HTML)
    environment.filters["where_in"] = lambda values: "(" + ", ".join(f"'{value}'" for value in values) + ")"
    sql = environment.from_string(yaml.safe_load(text)["sql"]).render(
        filter_values=lambda column, **_: list(picked.get(column, ())),
        get_filters=filters_on,
        chosen=lambda choices, values, default: choices[values[0] if values else default],
        refused=lambda column, operator: f"{column} {operator} is refused",
    )
    return select.format(f"({sql}) as virtual_table")


def chart_columns(chart: str) -> str:
    params = yaml.safe_load((SUPERSET / "assets" / "charts" / f"{chart}.yaml").read_text("utf-8"))["params"]
    return ", ".join(params["all_columns"])
