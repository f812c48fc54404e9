"""Who may do what in Superset: two users, one role of our own, nothing for the public.

Superset's own roles (Admin, Alpha, Gamma, sql_lab) exist because `init` makes them; only Admin is given to anyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ADMIN_USER = "admin"
ANALYST_USER = "analyst"
ANALYST_ROLE = "Analyst"

# Everything an analyst may do. The two can_write are the state of the filter bar (kept in Redis) and the link that
# "share" makes: neither changes a dashboard. Not in the list, on purpose: SQL Lab, samples, drill to detail, every
# other can_write, the log, the own profile.
ANALYST_PERMISSIONS = (
    ("can_dashboard", "Superset"),
    ("can_dashboard_permalink", "Superset"),
    ("can_csv", "Superset"),
    ("can_log", "Superset"),
    ("can_read", "Chart"),
    ("can_read", "Dashboard"),
    ("can_read", "CurrentUserRestApi"),
    ("can_read", "DashboardFilterStateRestApi"),
    ("can_write", "DashboardFilterStateRestApi"),
    ("can_read", "DashboardPermalinkRestApi"),
    ("can_write", "DashboardPermalinkRestApi"),
    ("can_view_chart_as_table", "Dashboard"),
    ("can_get", "MenuApi"),
    ("can_recent_activity", "Log"),
    ("menu_access", "Dashboards"),
    ("menu_access", "Home"),
)


class AccessError(RuntimeError):
    """A permission that the Analyst role needs does not exist in this Superset."""


def apply_analyst_role(security: Any, dataset_permissions: Sequence[str]) -> int:
    """Gives the Analyst role exactly the listed permissions and datasets; returns how many permissions that is."""
    granted = [security.find_permission_view_menu(permission, view) for permission, view in ANALYST_PERMISSIONS]
    missing = [pair for pair, found in zip(ANALYST_PERMISSIONS, granted, strict=True) if found is None]
    if missing:
        raise AccessError(f"this Superset has no permission {', '.join(f'{p} on {v}' for p, v in missing)}")
    granted += [security.add_permission_view_menu("datasource_access", name) for name in dataset_permissions]
    role = security.find_role(ANALYST_ROLE) or security.add_role(ANALYST_ROLE)
    role.permissions = granted
    return len(granted)


def close_public_role(security: Any) -> None:
    """Takes everything from the role that visitors without a log-in have."""
    role = security.find_role("Public")
    if role is not None:
        role.permissions = []


def apply_user(security: Any, username: str, role_name: str, password: str) -> str:
    """Makes the user, or corrects its role and password; returns what was done, for the operator to read."""
    from werkzeug.security import check_password_hash

    role = security.find_role(role_name)
    user = security.find_user(username)
    if user is None:
        first_name, email = username.capitalize(), f"{username}@example.invalid"
        if not security.add_user(username, first_name, "Hedge Master", email, role, password=password):
            raise AccessError(f"user {username} could not be made: Superset's log says why")
        return "made"
    done = []
    if not check_password_hash(user.password, password):
        security.reset_password(user.id, password)
        done.append("password updated")
    if user.roles != [role] or not user.is_active:
        user.roles, user.active = [role], True
        security.update_user(user)
        done.append("role restored")
    return ", ".join(done) or "unchanged"
