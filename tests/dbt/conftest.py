"""A dbt that builds on the throw-away warehouse."""

from __future__ import annotations

import pytest

from hedge_master.settings import Settings
from running_dbt import Dbt, dbt_on


@pytest.fixture(scope="session")
def dbt(warehouse_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return dbt_on(warehouse_settings, tmp_path_factory.mktemp("dbt"))
