"""What the ledger knows, read for a person: on the page in Airflow's UI, in a terminal, in an alert. Writes nothing."""
