"""superset_config.py: what it refuses, whom it lets in, and what reaches the SQL."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
from jinja2 import TemplateRuntimeError

Settings = Callable[..., ModuleType]


@pytest.mark.parametrize(
    "name",
    [
        "SUPERSET_SECRET_KEY",
        "SUPERSET_DATABASE_URI",
        "SUPERSET_REDIS_URL",
        "SUPERSET_HOME",
        "SUPERSET_WAREHOUSE_HOST",
        "SUPERSET_WAREHOUSE_PORT",
        "SUPERSET_WAREHOUSE_DATABASE",
        "SUPERSET_WAREHOUSE_USER",
        "SUPERSET_WAREHOUSE_PASSWORD",
    ],
)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_variable_is_named(settings: Settings, name: str, value: str | None) -> None:
    with pytest.raises(RuntimeError, match=f"^{name} is not set"):
        settings(**{name: value})


def test_the_password_is_for_the_warehouse_alone(settings: Settings) -> None:
    """A database that someone registers at another address must not be sent the reader's password."""
    config = settings()
    warehouse = {"host": "127.0.0.1", "port": 15432, "database": "warehouse", "username": "hm_reader"}
    assert config.warehouse_password(SimpleNamespace(**warehouse)) == "p@ss:w/ord"
    for field, other in {"host": "example.org", "port": 5432, "database": "postgres", "username": "root"}.items():
        assert config.warehouse_password(SimpleNamespace(**{**warehouse, field: other})) is None


def test_a_rebuilt_ranking_is_never_hidden_by_a_cached_one(settings: Settings) -> None:
    assert settings().DATA_CACHE_CONFIG == {"CACHE_TYPE": "NullCache"}


def test_no_other_host_is_let_in(settings: Settings) -> None:
    policy = settings().TALISMAN_CONFIG["content_security_policy"]
    allowed = {source for sources in policy.values() for source in ([sources] if isinstance(sources, str) else sources)}
    assert allowed == {"'self'", "'none'", "'strict-dynamic'", "'unsafe-inline'", "blob:", "data:"}
    assert "'unsafe-inline'" not in policy["script-src"]
    assert settings().ENABLE_CORS is False


def test_visitors_get_nothing_and_guesses_are_limited(settings: Settings) -> None:
    config = settings()
    assert config.PUBLIC_ROLE_LIKE is None
    assert not hasattr(config, "AUTH_ROLE_PUBLIC")
    assert config.AUTH_USER_REGISTRATION is False
    assert config.RATELIMIT_ENABLED is True
    assert config.AUTH_RATE_LIMIT == "20 per minute"
    assert config.RATELIMIT_STORAGE_URI == "redis://127.0.0.1:16379"


@pytest.mark.parametrize(("variable", "secure"), [(None, False), ("1", True)])
def test_cookies_travel_over_https_only_behind_a_proxy(settings: Settings, variable: str | None, secure: bool) -> None:
    config = settings(SUPERSET_BEHIND_TLS_PROXY=variable)
    assert config.SESSION_COOKIE_SECURE is secure
    assert config.TALISMAN_CONFIG["session_cookie_secure"] is secure
    assert config.ENABLE_PROXY_FIX is secure


def test_the_published_default_secrets_are_replaced(settings: Settings) -> None:
    config = settings()
    secrets = {config.SECRET_KEY, config.GUEST_TOKEN_JWT_SECRET, config.GLOBAL_ASYNC_QUERIES_JWT_SECRET}
    assert len(secrets) == 3
    assert not any("change-me" in secret for secret in secrets)


LOOK_BACKS = {"1 year": "1 year", "2 years": "24 months"}


@pytest.mark.parametrize(("picked", "text"), [([], "1 year"), (["1 year"], "1 year"), (["2 years"], "24 months")])
def test_the_picked_value_gives_its_sql(settings: Settings, picked: list[str], text: str) -> None:
    assert settings().chosen(LOOK_BACKS, picked, "1 year") == text


@pytest.mark.parametrize("picked", [["24 months"], ["1 year'; drop table x; --"], ["1 year", "2 years"], [""], [None]])
def test_any_other_value_is_refused_and_the_choices_named(settings: Settings, picked: list[str]) -> None:
    with pytest.raises(TemplateRuntimeError, match="pick one of 1 year, 2 years"):
        settings().chosen(LOOK_BACKS, picked, "1 year")


def test_the_log_in_limit_is_where_passwords_arrive(settings: Settings) -> None:
    """Superset 6.1.0 limits the page that shows the form, and so nothing."""
    config = settings()
    limited = []

    def limit(rate: str, methods: list[str]) -> Callable[[str], None]:
        return lambda blueprint: limited.append((rate, methods, blueprint))

    blueprints = {"AuthDBView": "takes the form", "SecurityApi": "takes JSON", "SupersetAuthView": "shows the form"}
    manager = SimpleNamespace(limiter=SimpleNamespace(limit=limit))
    config.FLASK_APP_MUTATOR(SimpleNamespace(appbuilder=SimpleNamespace(sm=manager), blueprints=blueprints))
    assert limited == [("20 per minute", ["POST"], "takes the form"), ("20 per minute", ["POST"], "takes JSON")]


def test_a_filter_that_the_sql_does_not_know_is_refused(settings: Callable[..., ModuleType]) -> None:
    with pytest.raises(TemplateRuntimeError, match="market NOT IN: the ranking knows IN and IS NULL only"):
        settings().refused("market", "NOT IN")
