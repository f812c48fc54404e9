"""What a model that is made whole sets for its transaction, run by PostgreSQL as the macro words it."""

from __future__ import annotations

from contextlib import closing

import psycopg2
import pytest
from jinja2 import Environment

from hedge_master.settings import Settings
from running_dbt import PROJECT


def hook(is_incremental: bool) -> str:
    text = (PROJECT / "macros/following_changes.sql").read_text()
    # jinja2's own template: no HTML is made here.
    environment = Environment(autoescape=False, extensions=["jinja2.ext.do"])  # noqa: S701
    environment.globals["is_incremental"] = lambda: is_incremental
    macros = environment.from_string(text).module
    return str(macros.leave_new_pages_uncompressed()).strip()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("url", "within"), [("warehouse_dbt_url", "off"), ("warehouse_reader_url", "pglz")])
def test_new_pages_are_left_uncompressed_in_that_transaction_where_the_role_may(
    warehouse_settings: Settings, url: str, within: str
) -> None:
    """The reader stands for dbt's role on a server that does not let it: nothing fails."""
    with closing(psycopg2.connect(warehouse_settings.required(url))) as session, session.cursor() as cursor:
        cursor.execute(hook(is_incremental=False))
        assert shown(cursor) == within
        session.commit()
        assert shown(cursor) == "pglz"


def test_an_increment_leaves_the_compression_as_it_is() -> None:
    assert hook(is_incremental=True) == ""


def shown(cursor: psycopg2.extensions.cursor) -> str:
    cursor.execute("show wal_compression")
    ((value,),) = cursor.fetchall()
    return str(value)
