"""Loads Superset's files by their paths: they are scripts of another environment, not a package of ours."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

SUPERSET_CONFIG = Path(__file__).resolve().parents[3] / "superset_config"

ENVIRONMENT = {
    "SUPERSET_SECRET_KEY": "a-secret-key-of-the-test",
    "SUPERSET_DATABASE_URI": "postgresql+psycopg2://superset@127.0.0.1:15432/superset",
    "SUPERSET_REDIS_URL": "redis://127.0.0.1:16379/",
    "SUPERSET_HOME": "/tmp/superset-home",
    "SUPERSET_WAREHOUSE_HOST": "127.0.0.1",
    "SUPERSET_WAREHOUSE_PORT": "15432",
    "SUPERSET_WAREHOUSE_DATABASE": "warehouse",
    "SUPERSET_WAREHOUSE_USER": "hm_reader",
    "SUPERSET_WAREHOUSE_PASSWORD": "p@ss:w/ord",
}


def load(stem: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"superset_config_{stem}", SUPERSET_CONFIG / f"{stem}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Loads superset_config.py with the whole environment, but for what the call changes (None = not set)."""

    def loaded(**changes: str | None) -> ModuleType:
        # The client library is in Superset's environment only, and the settings do no more than make a client.
        fake = ModuleType("redis")
        fake.Redis = SimpleNamespace(from_url=lambda url: f"client of {url}")  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "redis", fake)
        monkeypatch.delenv("SUPERSET_BEHIND_TLS_PROXY", raising=False)
        for name, value in {**ENVIRONMENT, **changes}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return load("superset_config")

    return loaded


@pytest.fixture
def bundle() -> ModuleType:
    return load("bundle")


@pytest.fixture
def access() -> ModuleType:
    return load("access")


@pytest.fixture
def banner() -> ModuleType:
    return load("banner")
