"""`hm ranking` as a user types it, on the small market."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from statistics import fmean

import pytest
from psycopg2.extensions import connection as Connection
from small_market import Stock, windows_by_hand

from hedge_master.cli import main
from hedge_master.settings import Settings

Hm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hm(
    published: Connection,
    warehouse_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Hm:
    """`hm ranking WORDS` in a terminal of 100 columns: exit status, standard output, standard error."""
    monkeypatch.setattr(main, "apply_environment", lambda: None)
    monkeypatch.setenv("HM_WAREHOUSE_READER_URL", warehouse_settings.required("warehouse_reader_url"))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hm", "ranking", *words])
        with pytest.raises(SystemExit) as ended:
            main.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def symbols(hm: Hm, *words: str) -> list[str]:
    status, out, err = hm(*words, "--format", "json")
    assert status == 0, err
    return [row["symbol"] for row in json.loads(out)]


def test_the_table_fits_100_columns_and_says_how_many_nobody_can_trade(hm: Hm) -> None:
    """WILD's grave flag lies in a look-back of 15 months, JUST_BOUGHT's last bar before its end."""
    status, out, _ = hm("--look-back", "15m", "--limit", "20")
    assert "2 more would rank but cannot be traded; --with-untradable shows them." in out
    assert "1 more would rank by gravely doubtful prices; --with-flagged shows them." in out
    assert not re.search("THIN|JUST_BOUGHT|WILD", out)
    status, out, _ = hm("--look-back", "15m", "--limit", "20", "--with-untradable", "--with-flagged")
    lines = out.splitlines()
    assert status == 0
    assert lines[0].rstrip() == "Top 10 by volatility over 15m up to 2020-06-12"
    assert max(map(len, lines)) <= 100
    assert re.search(r"JUST_BOUGHT .* 2020-05-15", out)
    assert re.search(r"WILD .* 1 ", out)
    assert "THIN" in out
    assert "more would rank" not in out


def test_filters_may_repeat_and_their_case_does_not_matter(hm: Hm) -> None:
    assert set(symbols(hm, "--market", "elsewhere")) == {"TWIN.B", "POUND", "DEAR"}
    assert set(symbols(hm, "--currency", "gbp", "--currency", "VND")) == {"POUND", "RATELESS"}
    assert symbols(hm, "--type", "Equity", "--tier", "unknown") == ["RATELESS"]
    assert symbols(hm, "--tier", "untradable") == ["THIN"]
    assert "JUST_BOUGHT" in symbols(hm, "--with-untradable", "--limit", "20")
    assert "THIN" in symbols(hm, "--with-untradable", "--limit", "20")


def test_local_and_dollars_are_two_measures(hm: Hm) -> None:
    """RATELESS has no dollars."""
    assert symbols(hm, "--in", "usd", "--limit", "20") == symbols(hm, "--measure", "volatility_usd", "--limit", "20")
    assert "RATELESS" not in symbols(hm, "--in", "usd", "--limit", "20")
    assert "RATELESS" in symbols(hm, "--in", "local", "--measure", "volatility_usd", "--limit", "20")


def test_json_and_csv_hold_the_same(hm: Hm) -> None:
    rows = json.loads(hm("--format", "json", "--percentiles", "--changes")[1])
    table = list(csv.DictReader(io.StringIO(hm("--format", "csv", "--percentiles", "--changes")[1])))
    assert list(rows[0])[:6] == ["rank", "symbol", "name", "market", "currency", "value"]
    assert [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows] == table
    assert rows[0]["percentile_world"] == 1
    assert all(row["rank_change_1w"] is not None for row in rows)
    assert json.loads(hm("--format", "json")[1])[0]["percentile_world"] is None


@pytest.mark.parametrize("output", ["json", "csv"])
def test_what_a_script_reads_holds_the_rows_alone_and_who_is_left_out_is_told_beside_it(hm: Hm, output: str) -> None:
    """The same three as under the table."""
    asked = ("--look-back", "15m", "--limit", "20", "--format", output)
    _, rows, told = hm(*asked)
    assert told.splitlines() == [
        "2 more would rank but cannot be traded; --with-untradable shows them.",
        "1 more would rank by gravely doubtful prices; --with-flagged shows them.",
    ]
    assert "more would rank" not in rows
    assert hm(*asked, "--with-untradable", "--with-flagged")[2] == ""


def test_percentiles_and_changes_are_shown_when_asked_for(hm: Hm) -> None:
    _, out, _ = hm("--percentiles", "--changes")
    assert re.search(r"P world +P mkt\. +P cur\. +1 w +4 w", out)
    assert "DECAYING" in out
    assert "Cur." in out
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_place_is_explained_window_by_window(hm: Hm, stocks: dict[str, Stock]) -> None:
    """Six weeks up to Sunday 2020-06-07 begin on one: seven windows, of which the first only covers the start."""
    words = ("--explain", "wild", "--look-back", "6w", "--as-of", "2020-06-07")
    status, out, _ = hm(*words)
    assert status == 0
    assert max(map(len, out.splitlines())) <= 100
    by_hand = {start + timedelta(days=13): window for start, window in windows_by_hand(stocks["WILD"]).items()}
    values = [by_hand[date(2020, 4, 26) + timedelta(weeks=n)].volatility or 0 for n in range(7)]
    for value in values:
        assert f"{value:.1%}" in out
    assert f"{fmean(values[1:]):.1%} over 6 values" in out
    for told in (
        "yes: the ones to 2020-04-26 and 2020-05-03",
        "5 of 6 windows have a value",
        "6w: after 2020-04-26, up to 2020-06-07",
        "no: it covers the start, and ends no later",
        "equal values go by symbol",
        "in a week",
    ):
        assert told in out
    answer = json.loads(hm(*words, "--format", "json")[1])
    assert [window["value"] for window in answer["windows"]] == [pytest.approx(value, rel=1e-9) for value in values]
    assert answer["place"]["value"] == pytest.approx(fmean(values[1:]), rel=1e-9)
    table = list(csv.DictReader(io.StringIO(hm(*words, "--format", "csv")[1])))
    assert [float(row["value"]) for row in table] == [window["value"] for window in answer["windows"]]


@pytest.mark.parametrize(
    ("symbol", "told"),
    [
        ("GAPPED", ["no: it did not trade", "no: too few days for a value", "no: 29; 31 have trading days"]),
        ("YOUNG", ["too young: prices begin on 2020-01-06"]),
        ("THIN", ["tier untradable, median turnover 0.", "untradable: median turnover of "]),
        ("just_bought", ["untradable: delisted on 2020-05-15"]),
        ("SILENT", ["no trading since 2019-03-01", "2019-01-07 to 2019-03-01"]),
    ],
)
def test_who_has_no_place_is_told_why(hm: Hm, symbol: str, told: list[str]) -> None:
    status, out, _ = hm("--explain", symbol)
    assert status == 0
    assert [words for words in told if words not in out] == []
    assert "Left out" in out
    assert "Percentile" not in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--look-back", "1 year"], 'look-back is "1 year": not a number with d, w, m or y (such as 30d, 8w, 6m, 1y)'),
        (
            ["--look-back", "30y"],
            'look-back is "30y": it starts on 1990-06-12, and the prices on 2019-01-07; take a shorter one',
        ),
        (["--look-back", "3d"], 'look-back is "3d": no week ends in it up to 2020-06-12; take 7d or more'),
        (["--measure", "beta"], 'measure is "beta": not one of volatility, volatility_usd, '),
        (["--in", "euro"], 'in is "euro": not local or usd'),
        (["--limit", "0"], "limit is 0: not 1 or more"),
        (["--as-of", "2020-06-13"], "as-of is 2020-06-13: after the market date, 2020-06-12"),
        (["--as-of", "2020-13-01"], 'as-of is "2020-13-01": not a date (YYYY-MM-DD)'),
        (["--market", "Mars"], 'market is "Mars": not one of Elsewhere, Testland'),
        (["--currency", "XXX"], 'currency is "XXX": not one of GBP, USD, VND'),
        (["--tier", "gold"], 'tier is "gold": not one of '),
        (["--type", "ETF"], 'type is "ETF": not one of Equity'),
        (["--explain", "NOSUCH"], 'symbol is "NOSUCH": not in marts.dim_symbols'),
        (
            ["--explain", "DEAR", "--market", "Testland"],
            'symbol is "DEAR": outside the filters; its market is Elsewhere, currency USD, type Equity, tier high',
        ),
        (
            ["--currency", "VND", "--in", "usd"],
            "no symbol of currencies VND ranks over 1y up to 2020-06-12: --explain SYMBOL says why",
        ),
    ],
)
def test_a_question_that_has_no_answer_is_one_line_and_exit_status_2(hm: Hm, words: list[str], complaint: str) -> None:
    status, out, err = hm(*words)
    assert (status, out) == (2, "")
    assert err.startswith(f"hm: {complaint}")
    assert err.count("\n") == 1
