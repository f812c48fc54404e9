"""Alembic's entry point: `hedge_master.warehouse.migrate` hands it an open connection."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="schema_version",
    version_table_schema="market",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
