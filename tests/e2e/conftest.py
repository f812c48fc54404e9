from __future__ import annotations

from collections.abc import Iterator

import pytest
from demo_stack import Demo, a_stack


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The demo, run to its end; stopped when the tests are done."""
    stack = a_stack(tmp_path_factory.mktemp("e2e"))
    try:
        yield stack
    finally:
        stack.run("down")


@pytest.fixture(scope="session")
def first_run(demo: Demo) -> str:
    """What the first `make demo` printed."""
    return demo.finished("demo")
