"""How the client asks for leave to call."""

from __future__ import annotations

from typing import Protocol


class CallBudget(Protocol):
    """Hands out calls."""

    def reserve(self) -> None: ...
    def refused_for_today(self) -> None: ...
