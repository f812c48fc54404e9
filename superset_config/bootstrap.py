"""Makes Superset ready: metadata tables, permissions, users, dashboards, roles. One process, safe to run again.

    python superset_config/bootstrap.py [--force]

What it did last is kept as a fingerprint in the metadata database itself (table hedge_master_bootstrap), over the
assets, these scripts, Superset's version, the addresses and the passwords. Where it is the same again, Superset is
not even loaded and the run ends after one query; `--force` does everything (after a change by hand in the UI, say).
The mark lives in the database that it speaks of, so a fresh or a restored one is seen as such.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from typing import Any

import access
from banner import banner
from bundle import ASSETS, BrokenBundle, asset_uuids, fingerprint, read_bundle
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

LOCK = 2_020_061_200  # a number that nothing else locks in the metadata database


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--force", action="store_true", help="do everything, even where nothing changed")
    force = parser.parse_args(argv).force
    config, passwords, data_source = _settings()
    try:
        bundle = read_bundle(ASSETS, {**config.WAREHOUSE, "BANNER": banner(data_source)})
        state = fingerprint(config.SECRET_KEY, _what_counts(bundle, passwords))
        with _metadata_lock(config.SQLALCHEMY_DATABASE_URI) as connection:
            if not force and _mark(connection) == state:
                print("bootstrap: unchanged since the last run, nothing to do (--force does it all the same)")
                return 0
            _bootstrap(bundle, passwords)
            _set_mark(connection, state)
    except (BrokenBundle, access.AccessError) as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except OperationalError as error:  # the database is down, or the log-in is wrong: the server's words say which
        print(f"bootstrap: metadata database: {error.orig}", file=sys.stderr)
        return 1
    return 0


def _settings() -> tuple[Any, dict[str, str], str]:
    """Superset's settings, the users' passwords, where prices come from; leaves with a missing variable's name."""
    try:
        import superset_config as config

        config.required("SUPERSET_CONFIG_PATH")  # without it gunicorn would start with Superset's own defaults
        passwords = {
            access.ADMIN_USER: config.required("SUPERSET_ADMIN_PASSWORD"),
            access.ANALYST_USER: config.required("SUPERSET_ANALYST_PASSWORD"),
        }
        data_source = config.required("SUPERSET_DATA_SOURCE")
    except RuntimeError as error:
        raise SystemExit(f"bootstrap: {error}") from None
    return config, passwords, data_source


def _what_counts(bundle: Mapping[str, str], passwords: Mapping[str, str]) -> list[str]:
    scripts = [path.read_text("utf-8") for path in sorted(Path(__file__).resolve().parent.glob("*.py"))]
    pairs = [*bundle.items(), *passwords.items()]
    return [version("apache-superset"), *scripts, *(part for pair in pairs for part in pair)]


# --- the mark of the last run ----------------------------------------------------------------------------------------


@contextmanager
def _metadata_lock(uri: str) -> Iterator[Connection]:
    """A connection to the metadata database that keeps a second bootstrap waiting until this one is done."""
    engine = create_engine(uri, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
            yield connection
    finally:
        engine.dispose()


def _mark(connection: Connection) -> str | None:
    if connection.execute(text("select to_regclass('hedge_master_bootstrap')")).scalar() is None:
        return None
    return connection.execute(text("select fingerprint from hedge_master_bootstrap")).scalar()


def _set_mark(connection: Connection, state: str) -> None:
    connection.execute(
        text(
            "create table if not exists hedge_master_bootstrap"
            " (one boolean primary key default true check (one), fingerprint text not null, done_at timestamptz)"
        )
    )
    connection.execute(
        text(
            "insert into hedge_master_bootstrap (fingerprint, done_at) values (:state, now())"
            " on conflict (one) do update set fingerprint = excluded.fingerprint, done_at = excluded.done_at"
        ),
        {"state": state},
    )


# --- the steps -------------------------------------------------------------------------------------------------------


@contextmanager
def _step(name: str) -> Iterator[list[str]]:
    """One line for the operator when the step is done: what was done, and how long it took."""
    start, said = time.monotonic(), []
    with redirect_stdout(io.StringIO()):  # Superset and its migrations print as they go
        yield said
    print(f"bootstrap: {name}: {', '.join(said)} ({time.monotonic() - start:.1f} s)", flush=True)


def _bootstrap(bundle: dict[str, str], passwords: Mapping[str, str]) -> None:
    logging.disable(logging.WARNING)  # thousands of lines about single permissions; errors still show
    with _step("superset") as said:
        from superset.app import create_app

        app = create_app()
        said.append(f"{version('apache-superset')} loaded")
    with app.app_context():
        from superset import db

        # Order matters: roles need permissions, assets need an admin to own them, the Analyst role needs the datasets,
        # and `init` rewrites Superset's own roles.
        with _step("metadata database") as said:
            said.append(_migrate())
        with _step("permissions") as said:
            said.append(_init_permissions())
        with _step("users") as said:
            said += _apply_users(passwords)
        with _step("assets") as said:
            said += _import_assets(bundle)
        with _step("roles") as said:
            said += _apply_roles()
        db.session.commit()


def _migrate() -> str:
    import superset
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from flask_migrate import upgrade
    from superset import db

    folder = str(Path(superset.__file__).parent / "migrations")
    head = ScriptDirectory(folder).get_current_head()
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return f"at {head} already"
    upgrade(directory=folder)
    return f"from {current or 'empty'} to {head}"


def _init_permissions() -> str:
    """What `superset init` does."""
    from superset import appbuilder, security_manager

    appbuilder.add_permissions(update_perms=True)
    security_manager.sync_role_definitions()
    return "in line with this Superset"


def _apply_users(passwords: Mapping[str, str]) -> list[str]:
    from superset import security_manager

    if security_manager.find_role(access.ANALYST_ROLE) is None:
        security_manager.add_role(access.ANALYST_ROLE)
    roles = {access.ADMIN_USER: "Admin", access.ANALYST_USER: access.ANALYST_ROLE}
    return [f"{user} {access.apply_user(security_manager, user, roles[user], passwords[user])}" for user in roles]


def _import_assets(bundle: dict[str, str]) -> list[str]:
    """Imports the bundle and deletes what an earlier bundle brought and this one no longer holds."""
    from flask import g
    from superset import db, security_manager
    from superset.commands.exceptions import CommandInvalidError, ImportFailedError
    from superset.commands.importers.v1.assets import ImportAssetsCommand
    from superset.connectors.sqla.models import SqlaTable
    from superset.models.dashboard import Dashboard
    from superset.models.slice import Slice

    g.user = security_manager.find_user(access.ADMIN_USER)
    command = ImportAssetsCommand(bundle)
    try:
        command.validate()
        command.run()
    except CommandInvalidError as error:
        raise BrokenBundle(f"assets: {error.normalized_messages()}") from error
    except ImportFailedError as error:
        cause = error.__cause__ or error.__context__
        raise BrokenBundle(f"assets: {error} ({type(cause).__name__}: {cause})") from error

    said = [f"{len(bundle) - 1} imported"]
    for model in (Dashboard, Slice, SqlaTable):
        ours = db.session.query(model).filter(model.is_managed_externally.is_(True)).all()
        for asset in ours:
            if str(asset.uuid) not in asset_uuids(bundle):
                said.append(f"{asset} deleted")
                db.session.delete(asset)
    db.session.commit()
    return said


def _apply_roles() -> list[str]:
    from superset import db, security_manager
    from superset.connectors.sqla.models import SqlaTable

    datasets = db.session.query(SqlaTable).filter(SqlaTable.is_managed_externally.is_(True)).all()
    count = access.apply_analyst_role(security_manager, [dataset.perm for dataset in datasets])
    access.close_public_role(security_manager)
    db.session.commit()
    return [f"{access.ANALYST_ROLE} has {count} permissions", "Public has none"]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
