"""Airflow's metadata: tables (FAB's too), roles, users, the pool of the API.

All in one process that runs as `airflow_environment` says.

The CLI would need a call of 6 to 10 seconds for each of these.
"""

from __future__ import annotations

import os

USERS = (
    ("admin", "Admin", "BOOTSTRAP_ADMIN_PASSWORD"),
    ("operator", "Op", "BOOTSTRAP_OPERATOR_PASSWORD"),
    ("viewer", "Viewer", "BOOTSTRAP_VIEWER_PASSWORD"),
)


def main() -> None:
    from airflow.models.pool import Pool
    from airflow.utils.db import upgradedb
    from airflow.utils.providers_configuration_loader import providers_configuration_loaded

    from hedge_master.orchestration.wiring import API_POOL, API_SLOTS

    @providers_configuration_loaded
    def migrate_and_fill() -> None:
        upgradedb()
        _fill()
        Pool.create_or_update_pool(
            API_POOL, API_SLOTS, "whoever calls Alpha Vantage waits here", include_deferred=False
        )

    migrate_and_fill()


def _fill() -> None:
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder
    from airflow.providers.fab.www.security.permissions import ACTION_CAN_READ, RESOURCE_PLUGIN

    with get_application_builder() as builder:
        builder.add_permissions(update_perms=True)  # type: ignore[no-untyped-call]
        manager = builder.sm
        manager.sync_roles()
        # The UI asks for the list of plugins before it draws their pages, the page "Hedge Master" among them.
        manager.bulk_sync_roles([{"role": "Viewer", "perms": [(ACTION_CAN_READ, RESOURCE_PLUGIN)]}])
        for name, role, variable in USERS:
            password = os.environ[variable]
            user = manager.find_user(username=name)
            if user is None:
                made = manager.add_user(
                    name, name.capitalize(), "Hedge Master", f"{name}@localhost", manager.find_role(role), password
                )
                if not made:
                    raise RuntimeError(f"Airflow's user {name} could not be made")
            else:
                manager.reset_password(user.id, password)


if __name__ == "__main__":
    main()
