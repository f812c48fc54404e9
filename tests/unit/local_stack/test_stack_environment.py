"""Which variable wins, what follows from the secrets, and who may read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from hedge_master.local_stack.airflow_environment import airflow_environment
from hedge_master.local_stack.environment import load_environment, with_login
from hedge_master.local_stack.folders import LONGEST_SOCKET_PATH, Folders
from hedge_master.local_stack.secret_file import SECRETS, ensure_secrets
from hedge_master.local_stack.stack import Stack
from hedge_master.local_stack.superset_environment import superset_environment
from hedge_master.settings import REPO_ROOT, Settings, SettingsError, load_settings, variable


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    """A .env that does not exist."""
    return tmp_path / "no.env"


@pytest.fixture
def stack(tmp_path: Path, nothing: Path) -> Stack:
    environ = load_environment({"HM_HOME": str(tmp_path / "home")}, dotenv=nothing, create_secrets=True)
    return Stack(load_settings(environ), environ, Folders(tmp_path / "home"))


def test_secrets_are_for_their_owner_only(stack: Stack) -> None:
    assert stack.folders.secrets_file.stat().st_mode & 0o777 == 0o600
    assert stack.folders.home.stat().st_mode & 0o777 == 0o700


def test_a_secrets_file_that_others_may_read_is_closed_again(stack: Stack) -> None:
    stack.folders.secrets_file.chmod(0o644)
    ensure_secrets(stack.folders.secrets_file)
    assert stack.folders.secrets_file.stat().st_mode & 0o777 == 0o600


def test_secrets_stay_the_same_and_new_ones_join_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.env"
    file.write_text("HM_SECRET_REDIS_PASSWORD=kept\n")
    first = ensure_secrets(file)
    assert first["HM_SECRET_REDIS_PASSWORD"] == "kept"
    assert set(first) == set(SECRETS)
    assert len(set(first.values())) == len(SECRETS)
    assert ensure_secrets(file) == first


def test_the_process_wins_over_the_file_and_an_empty_variable_does_not(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HM_REDIS_PORT=2001\nHM_KAFKA_PORT=2002\nHM_AIRFLOW_PORT=2003\n")
    own = {"HM_HOME": str(tmp_path), "HM_REDIS_PORT": "3001", "HM_KAFKA_PORT": ""}
    found = load_environment(own, dotenv=file)
    assert (found["HM_REDIS_PORT"], found["HM_KAFKA_PORT"], found["HM_AIRFLOW_PORT"]) == ("3001", "2002", "2003")


def test_a_home_that_cannot_be_written_to_is_replaced_by_the_stacks_own_folder(tmp_path: Path, nothing: Path) -> None:
    for given in ({}, {"HOME": ""}, {"HOME": str(tmp_path / "nowhere")}):
        own = {"HM_HOME": str(tmp_path / "stack")} | given
        assert load_environment(own, dotenv=nothing)["HOME"] == str(tmp_path / "stack")
    kept = load_environment({"HM_HOME": str(tmp_path / "stack"), "HOME": str(tmp_path)}, dotenv=nothing)
    assert kept["HOME"] == str(tmp_path)


def test_before_the_first_start_there_are_no_derived_addresses(tmp_path: Path, nothing: Path) -> None:
    found = load_environment({"HM_HOME": str(tmp_path / "home")}, dotenv=nothing)
    assert "HM_WAREHOUSE_URL" not in found
    assert not (tmp_path / "home").exists()


def test_a_wrong_setting_in_the_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("HM_KAFKA_PROT=1\n")
    with pytest.raises(SettingsError, match="HM_KAFKA_PROT is no setting"):
        load_environment({}, dotenv=file)


def test_each_role_has_its_own_log_in(stack: Stack) -> None:
    owner = urlsplit(stack.environ["HM_WAREHOUSE_URL"])
    assert (owner.hostname, owner.port, owner.path) == ("127.0.0.1", 15432, "/warehouse")
    names = ("HM_WAREHOUSE_URL", "HM_WAREHOUSE_INGEST_URL", "HM_WAREHOUSE_DBT_URL", "HM_WAREHOUSE_READER_URL")
    parts = [urlsplit(stack.environ[name]) for name in names]
    assert [part.username for part in parts] == ["hm_owner", "hm_ingest", "hm_dbt", "hm_reader"]
    assert len({part.password for part in parts}) == 4
    assert stack.owns_warehouse()


def test_a_warehouse_elsewhere_gets_the_generated_roles_unless_they_are_given(tmp_path: Path, nothing: Path) -> None:
    elsewhere = "postgresql://boss:pa%40ss@db.example:6543/prices?sslmode=require"
    reader = "postgresql://spy:secret@db.example:6543/prices"
    own = {"HM_HOME": str(tmp_path), "HM_WAREHOUSE_URL": elsewhere, "HM_WAREHOUSE_READER_URL": reader}
    found = load_environment(own, dotenv=nothing, create_secrets=True)
    ingest = urlsplit(found["HM_WAREHOUSE_INGEST_URL"])
    assert (ingest.username, ingest.hostname, ingest.port) == ("hm_ingest", "db.example", 6543)
    assert (ingest.path, ingest.query) == ("/prices", "sslmode=require")
    assert found["HM_WAREHOUSE_URL"] == elsewhere
    assert found["HM_WAREHOUSE_READER_URL"] == reader
    assert not Stack(load_settings(found), found, Folders(tmp_path)).owns_warehouse()


def test_a_log_in_with_odd_characters_survives_the_address() -> None:
    assert with_login("postgresql://a:b@h:1/d", "x", "p@s:s/1") == "postgresql://x:p%40s%3As%2F1@h:1/d"


def test_only_the_sample_market_gets_a_generated_key(tmp_path: Path, nothing: Path) -> None:
    own = {
        "HM_HOME": str(tmp_path),
        "HM_ALPHA_VANTAGE_BASE_URL": "https://api.example",
        "HM_ALPHA_VANTAGE_API_KEY": "k",
    }
    assert load_environment(own, dotenv=nothing, create_secrets=True)["HM_ALPHA_VANTAGE_API_KEY"] == "k"
    with pytest.raises(SettingsError, match="HM_ALPHA_VANTAGE_API_KEY is not set"):
        load_environment(own | {"HM_ALPHA_VANTAGE_API_KEY": ""}, dotenv=nothing)


def test_airflow_knows_neither_the_owner_nor_the_other_services_secrets(stack: Stack) -> None:
    given = airflow_environment(stack)
    values = "\n".join(given.values())
    for name in ("WAREHOUSE_OWNER", "POSTGRES", "REDIS", "SUPERSET_ADMIN", "SUPERSET_DATABASE", "AIRFLOW_ADMIN"):
        assert stack.secret(f"{name}_PASSWORD") not in values
    assert not [name for name in given if name.startswith("HM_SECRET_")]


def test_airflows_connections_are_json_that_airflow_reads(stack: Stack) -> None:
    given = airflow_environment(stack)
    warehouse = json.loads(given["AIRFLOW_CONN_HM_WAREHOUSE"])
    assert (warehouse["conn_type"], warehouse["login"], warehouse["schema"]) == ("postgres", "hm_ingest", "warehouse")
    kafka = json.loads(given["AIRFLOW_CONN_HM_KAFKA"])["extra"]
    assert kafka["bootstrap.servers"] == "127.0.0.1:19092"
    assert kafka["message.max.bytes"] == 8 * 1024 * 1024
    assert kafka["enable.idempotence"] is True
    assert given["DBT_USER"] == "hm_dbt"
    assert given["AIRFLOW__COSMOS__CACHE_DIR"].startswith(str(stack.folders.home))
    assert given["DBT_READER"] == "hm_reader"


@pytest.mark.parametrize(
    ("url", "port", "plain", "without_starttls"),
    [
        ("smtp://mail.example.com", 25, True, True),
        ("smtp+starttls://me:p%40ss@mail.example.com", 587, True, False),
        ("smtps://me:p%40ss@mail.example.com:4650", 4650, False, True),
    ],
)
def test_the_mail_server_is_a_connection_of_airflow(
    stack: Stack, url: str, port: int, plain: bool, without_starttls: bool
) -> None:
    settings = stack.settings.model_copy(update={"smtp_url": SecretStr(url)})
    server = json.loads(airflow_environment(replace(stack, settings=settings))["AIRFLOW_CONN_HM_SMTP"])
    assert (server["conn_type"], server["host"], server["port"]) == ("smtp", "mail.example.com", port)
    assert (server["extra"]["disable_ssl"], server["extra"]["disable_tls"]) == (plain, without_starttls)
    assert server["password"] == ("p@ss" if "@mail" in url else "")
    assert "AIRFLOW_CONN_HM_SMTP" not in airflow_environment(stack)


def test_superset_sees_of_the_warehouse_the_reader_only(stack: Stack) -> None:
    given = superset_environment(stack)
    assert given["SUPERSET_WAREHOUSE_USER"] == "hm_reader"
    assert not [name for name in given if name.startswith(("AIRFLOW", "HM_WAREHOUSE", "HM_SECRET"))]
    assert stack.secret("WAREHOUSE_INGEST_PASSWORD") not in "\n".join(given.values())


@pytest.mark.parametrize(
    ("base_url", "source"),
    [("", "sample"), ("http://127.0.0.1:18000", "sample"), ("https://www.alphavantage.co", "www.alphavantage.co")],
)
def test_superset_is_told_where_prices_come_from(stack: Stack, base_url: str, source: str) -> None:
    settings = load_settings({**stack.environ, "HM_ALPHA_VANTAGE_BASE_URL": base_url})
    assert superset_environment(replace(stack, settings=settings))["SUPERSET_DATA_SOURCE"] == source


def test_sockets_move_where_the_path_is_too_long_for_them(tmp_path: Path) -> None:
    short, long = Folders(Path("/srv/hm")), Folders(tmp_path / ("deep" * 30))
    assert short.sockets == short.run
    assert len(str(long.sockets / ".s.PGSQL.65535.lock")) <= LONGEST_SOCKET_PATH


def test_the_example_file_lists_every_setting_with_its_default() -> None:
    lines = (REPO_ROOT / ".env.example").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert list(written) == [variable(field) for field in Settings.model_fields]
    read = load_settings(written)
    assert read.model_copy(update={"home": Settings().home}) == Settings()
