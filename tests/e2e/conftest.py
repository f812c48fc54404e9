from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from demo_stack import Demo

from free_ports import free_ports
from hedge_master.settings import Settings

SYMBOLS = 24
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, run to its end; stopped when the tests are done."""
    home = tmp_path_factory.mktemp("e2e")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "AIRFLOW", "DBT_"))}
    ports = free_ports(len(PORTS))
    environ |= {f"HM_{name.upper()}": str(port) for name, port in zip(PORTS, ports, strict=True)}
    environ |= {"HM_HOME": str(home), "HM_SAMPLE_MARKET_SYMBOLS": str(SYMBOLS), "HM_SPARK_DRIVER_MEMORY": "1g"}
    stack = Demo(home, environ)
    try:
        yield stack
    finally:
        stack.run("down")


@pytest.fixture(scope="session")
def first_run(demo: Demo) -> str:
    """What the first `make demo` printed."""
    finished = demo.run("demo")
    assert finished.returncode == 0, finished.stdout[-6000:] + finished.stderr[-2000:]
    return finished.stdout
