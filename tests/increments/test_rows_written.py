"""An increment writes what has changed and nothing else, counted row by row; no mark outlives its use."""

from __future__ import annotations

from datetime import date, timedelta

from built_models import FOLLOWERS, Models, assert_alike
from changing_market import LATER, late_correction, new_days, new_symbol, one_day, weekdays

LAST_WEEKS_MONDAY = date(2019, 9, 9)


def test_what_is_written_is_what_changed(lasting: Models) -> None:
    steady = lasting.symbol_id("STEADY")
    before = lasting.places()
    late_correction(lasting.warehouse)
    lasting.run()
    written = lasting.written(before)
    its_week, next_week = date(2019, 2, 18), date(2019, 2, 25)  # of the bar, and of the return that follows it
    assert written["intermediate.int_weeks"] == {(steady, its_week), (steady, next_week)}
    days = weekdays(its_week, next_week + timedelta(6))
    assert written["intermediate.int_stored_returns"] == {(steady, day) for day in days}
    windows = {(steady, its_week - timedelta(7)), (steady, its_week), (steady, next_week)}
    assert written["marts_candidate.fct_windows"] == windows
    first_end, sundays = date(2019, 2, 24), 29  # up to 2019-09-08, before the market date
    ends = {(steady, first_end + timedelta(7 * n)) for n in range(sundays)}
    assert written["marts_candidate.fct_cumulative"] == ends
    assert written["intermediate.int_sessions"] == set()

    before = lasting.places()
    new_symbol(lasting.warehouse)
    lasting.run()
    young = lasting.symbol_id("YOUNG")
    written = lasting.written(before)
    assert {key[0] for table, keys in written.items() for key in keys if "sessions" not in table} == {young}

    before = lasting.places()
    new_days(lasting.warehouse)
    lasting.run()
    written = lasting.written(before)
    traded = {lasting.symbol_id(symbol) for symbol in ("STEADY", "SPLITTING", "EURO", "LONELY", "GAPPED")}
    weeks = {(symbol, LAST_WEEKS_MONDAY + timedelta(7 * n)) for symbol in traded for n in (0, 1)}
    assert written["intermediate.int_weeks"] == weeks
    days = weekdays(LAST_WEEKS_MONDAY, LATER)
    assert written["intermediate.int_stored_returns"] == {(symbol, day) for symbol in traded for day in days}
    # Those of the two weeks, and YOUNG's that became complete on the Sunday; it has not traded since.
    windows = {(symbol, LAST_WEEKS_MONDAY + timedelta(7 * n)) for symbol in traded for n in (-1, 0, 1)}
    assert written["marts_candidate.fct_windows"] == windows | {(young, LAST_WEEKS_MONDAY - timedelta(7))}
    everyone = traded | {young, lasting.symbol_id("STOPPED")}
    assert written["marts_candidate.fct_cumulative"] == {(symbol, LATER - timedelta(2)) for symbol in everyone}

    before = lasting.places()
    one_day(lasting.warehouse)
    lasting.run()
    written = lasting.written(before)
    week = weekdays(LATER - timedelta(1), LATER + timedelta(1))
    assert written["intermediate.int_stored_returns"] == {(symbol, day) for symbol in traded for day in week}
    assert len(written["intermediate.int_stored_returns"]) == 15  # five symbols, three days of the week that has begun


def test_a_run_without_changes_writes_nothing(lasting: Models) -> None:
    lasting.run()
    before = lasting.places()
    lasting.run()
    assert {table for table, keys in lasting.written(before).items() if keys} == set()


def test_a_log_that_was_lost_makes_everything_whole(lasting: Models) -> None:
    late_correction(lasting.warehouse)
    lasting.ask("drop table intermediate.int_changed_weeks cascade; select 1")
    lasting.run()
    followed = lasting.rows()
    lasting.refresh()
    assert_alike(followed, lasting.rows())


def test_what_both_copies_have_seen_is_let_go(lasting: Models) -> None:
    """The stream's marks as soon as the log has them; the log's when the copy that is not read has them too."""
    lasting.dbt("run")
    lasting.dbt("run-operation", "publish_marts")
    late_correction(lasting.warehouse)
    for marks_of_the_log in (1, 0):
        lasting.dbt("build", "--exclude-resource-type", "unit_test")
        lasting.dbt("run-operation", "publish_marts")
        assert lasting.ask("select count(*) from market.changed_spans") == [(0,)]
        assert lasting.ask("select count(*) from intermediate.int_changed_weeks") == [(marks_of_the_log,)]


def test_other_formulas_make_everything_whole(lasting: Models) -> None:
    """As a release does that changes one: here a year has 250 days."""
    others = ("--vars", "{trading_days_a_year: 250}", "--select", *FOLLOWERS)
    before = lasting.rows()
    lasting.dbt("run", *others)
    followed = lasting.rows()
    assert followed != before
    lasting.dbt("run", "--full-refresh", *others)
    assert_alike(followed, lasting.rows())
    places = lasting.places()
    lasting.dbt("run", *others)
    assert {table for table, keys in lasting.written(places).items() if keys} == set()
