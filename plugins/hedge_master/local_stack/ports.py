"""Ports of this machine: is one free, and who asked for it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from hedge_master.settings import Settings, variable

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Port:
    """A port and the setting that chooses it."""

    number: int
    setting: str


def port(settings: Settings, field: str) -> Port:
    return Port(getattr(settings, field), variable(field))


def listens(number: int) -> bool:
    """True where a program answers on the port."""
    try:
        with socket.create_connection((HOST, number), timeout=1):
            return True
    except OSError:
        return False


def in_use(number: int) -> bool:
    """True where the port cannot be taken, whoever has it and on whichever address."""
    for host in (HOST, "0.0.0.0"):  # noqa: S104 (tried, not served)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, number))
            except OSError:
                return True
    return False


def complaints(ports: Iterable[Port]) -> list[str]:
    """One line for each port that somebody else has, or that two settings name."""
    lines = []
    first: dict[int, str] = {}
    for wanted in ports:
        if wanted.number in first:
            lines.append(
                f"port {wanted.number} is named by {first[wanted.number]} and {wanted.setting}: give each its own"
            )
        elif in_use(wanted.number):
            lines.append(
                f"port {wanted.number} ({wanted.setting}) is in use: stop that program or set {wanted.setting}"
            )
        first.setdefault(wanted.number, wanted.setting)
    return lines
