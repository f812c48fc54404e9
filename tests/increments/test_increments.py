"""Increments, in any order and broken off between any models, leave what a full refresh makes."""

from __future__ import annotations

from built_models import Models, assert_alike
from changing_market import CHANGES

CHAIN = (
    *("+int_changed_weeks", "int_sessions", "int_split_factors", "int_weeks"),
    *("int_stored_returns", "fct_windows", "fct_cumulative"),
)


def assert_a_full_refresh_makes_the_same(models: Models) -> None:
    """Both copies of the marts, the older of which has not seen the last change yet."""
    copies = []
    for _ in range(2):
        models.run()
        copies.append(models.rows())
        models.swap()
    models.refresh()
    for copy in copies:
        assert_alike(copy, models.rows())


def test_increments_leave_what_a_full_refresh_makes(models: Models) -> None:
    for change in CHANGES:
        change(models.warehouse)
        models.run()
        models.swap()
    assert_a_full_refresh_makes_the_same(models)


def test_in_another_order_and_broken_off_between_models(models: Models) -> None:
    """Each build ends after another model, and not every one that is whole is published."""
    for broken_off_after, change in enumerate(reversed(CHANGES), start=1):
        change(models.warehouse)
        models.run(*CHAIN[:broken_off_after])
        if broken_off_after % 3 == 0:
            models.run()
            models.swap()
    assert_a_full_refresh_makes_the_same(models)
