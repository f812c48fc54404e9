"""The changing market, built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from built_models import Models, built_twice


@pytest.fixture
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """As it began, for each test."""
    with built_twice(tmp_path_factory.mktemp("increments"), tmp_path_factory.mktemp("dbt")) as built:
        yield built


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """As the test before left it."""
    with built_twice(tmp_path_factory.mktemp("increments"), tmp_path_factory.mktemp("dbt")) as built:
        yield built
