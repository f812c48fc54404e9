"""access.py: what an analyst may do, on a stand-in for Superset's security manager."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class Security:
    """Knows the permissions that it is given; keeps roles by name."""

    def __init__(self, known: set[tuple[str, str]]) -> None:
        self.known = known
        self.roles: dict[str, Any] = {}

    def find_permission_view_menu(self, permission: str, view: str) -> tuple[str, str] | None:
        return (permission, view) if (permission, view) in self.known else None

    def add_permission_view_menu(self, permission: str, view: str) -> tuple[str, str]:
        return (permission, view)

    def find_role(self, name: str) -> Any:
        return self.roles.get(name)

    def add_role(self, name: str) -> Any:
        return self.roles.setdefault(name, SimpleNamespace(permissions=[]))


def test_an_analyst_has_the_list_and_the_datasets_and_loses_all_else(access: ModuleType) -> None:
    security = Security(set(access.ANALYST_PERMISSIONS))
    security.add_role("Analyst").permissions = [("can_write", "Dashboard")]
    assert access.apply_analyst_role(security, ["[warehouse].[as_of](id:1)"]) == len(access.ANALYST_PERMISSIONS) + 1
    granted = security.roles["Analyst"].permissions
    assert set(granted) == {*access.ANALYST_PERMISSIONS, ("datasource_access", "[warehouse].[as_of](id:1)")}


def test_the_only_writes_are_the_filter_bar_and_shared_links(access: ModuleType) -> None:
    writes = {view for permission, view in access.ANALYST_PERMISSIONS if permission == "can_write"}
    assert writes == {"DashboardFilterStateRestApi", "DashboardPermalinkRestApi"}
    views = {view for _, view in access.ANALYST_PERMISSIONS}
    assert not views & {"SQLLab", "SQL Lab", "Database", "Dataset", "Datasource", "Query", "User", "Role", "Log"} - {
        "Log"
    }


def test_a_permission_that_this_superset_lacks_is_named(access: ModuleType) -> None:
    security = Security(set(access.ANALYST_PERMISSIONS) - {("can_csv", "Superset")})
    with pytest.raises(access.AccessError, match="can_csv on Superset"):
        access.apply_analyst_role(security, [])
    assert security.roles == {}


def test_visitors_lose_whatever_the_public_role_had(access: ModuleType) -> None:
    security = Security(set())
    security.add_role("Public").permissions = [("can_read", "Chart")]
    access.close_public_role(security)
    assert security.roles["Public"].permissions == []
