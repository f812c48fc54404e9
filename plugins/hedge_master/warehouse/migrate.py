"""Brings the warehouse to the newest schema and gives each role exactly what it needs."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from alembic import command
from alembic.config import Config
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from hedge_master.settings import Settings, SettingsError
from hedge_master.warehouse.connection import connect
from hedge_master.warehouse.merge import ONE_MERGE_AT_A_TIME

MIGRATIONS = Path(__file__).parent / "migrations"
APPLICATION = "hedge_master migrate"
ROLE_SETTINGS = ("warehouse_ingest_url", "warehouse_dbt_url", "warehouse_reader_url")


def migrate(settings: Settings) -> None:
    """Apply all outstanding migrations as the owner, then the grants. Safe to run again.

    Raises SettingsError where an address is missing or a role has no place to log in from.
    """
    owner_url = settings.required("warehouse_url")
    upgrade(owner_url, "head")
    with connect(owner_url, APPLICATION) as connection:
        for field in ROLE_SETTINGS:
            _ensure_role(connection, field, settings.required(field))
        _grant(connection, *(_user(settings.required(field)) for field in ROLE_SETTINGS))


def upgrade(owner_url: str, revision: str) -> None:
    """Apply the migrations up to `revision`, in one transaction and behind a merge that is under way.

    Each of the two holds tables until its end that the other wants: side by side they could wait for one another.
    """
    engine = create_engine(make_url(owner_url).set(drivername="postgresql+psycopg2"))
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": ONE_MERGE_AT_A_TIME})
            connection.execute(text("create schema if not exists market"))
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
    finally:
        engine.dispose()


def _user(url: str) -> str:
    return unquote(urlsplit(url).username or "")


def _ensure_role(connection: Connection, field: str, url: str) -> None:
    """Create the role of `url` where it does not exist yet (a warehouse that the user brought)."""
    role, password = _user(url), unquote(urlsplit(url).password or "")
    if not role:
        raise SettingsError(f"HM_{field.upper()} names no user")
    with connection.cursor() as cursor:
        cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
        if cursor.fetchone() is None:
            cursor.execute(
                sql.SQL("create role {} login password {}").format(sql.Identifier(role), sql.Literal(password))
            )


def _grant(connection: Connection, ingest: str, dbt: str, reader: str) -> None:
    """ingest writes `market`; dbt reads it, lets go of the marks that it has followed, and owns its own schemas; reader
    gets `marts` from dbt's publication.
    """
    names = {"ingest": sql.Identifier(ingest), "dbt": sql.Identifier(dbt), "reader": sql.Identifier(reader)}
    with connection.cursor() as cursor:
        cursor.execute("select current_database()")
        names["database"] = sql.Identifier(cursor.fetchone()[0])  # type: ignore[index]
        for statement in (
            "grant connect on database {database} to {ingest}, {dbt}, {reader}",
            "grant create on database {database} to {dbt}",
            "grant usage on schema market to {ingest}, {dbt}",
            "grant select, insert, update, delete, truncate on all tables in schema market to {ingest}",
            "grant maintain on all tables in schema market to {ingest}",
            "grant usage on all sequences in schema market to {ingest}",
            "grant execute on all functions in schema market to {ingest}, {dbt}",
            "grant select on all tables in schema market to {dbt}",
            "grant delete on market.changed_spans to {dbt}",
        ):
            if statement.startswith("grant maintain") and connection.server_version < 170000:
                continue  # before 17 only the owner may ANALYZE; autovacuum does it there
            cursor.execute(sql.SQL(statement).format(**names))
