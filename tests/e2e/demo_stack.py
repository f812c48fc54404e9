"""A stack of its own for the end-to-end tests: HM_HOME in a temporary folder, free ports, real services."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg2
from dotenv import dotenv_values

from free_ports import free_ports
from hedge_master.settings import Settings

DEMO_SECONDS = 900
SYMBOLS = 24
PORTS = [name for name in Settings.model_fields if name.endswith("_port")]


@dataclass
class Demo:
    """A stack of its own beside whatever else runs on this machine."""

    home: Path
    environ: dict[str, str]

    def run(self, *words: str, seconds: int = DEMO_SECONDS) -> subprocess.CompletedProcess[str]:
        """`python -m hedge_master.local_stack WORDS`, as make calls it."""
        return self._call([sys.executable, "-m", "hedge_master.local_stack", *words], seconds)

    def finished(self, word: str) -> str:
        """What a command printed that ended well."""
        ended = self.run(word)
        assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
        return ended.stdout

    def hm(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._call([str(Path(sys.executable).with_name("hm")), *words], 120)

    def _call(self, command: list[str], seconds: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environ, cwd=self.home, capture_output=True, text=True, timeout=seconds)

    def secret(self, name: str) -> str:
        return str(dotenv_values(self.home / "secrets.env", interpolate=False)[f"HM_SECRET_{name}"])

    def port(self, name: str) -> int:
        return int(self.environ[f"HM_{name}_PORT"])

    def ask(self, query: str, role: str = "OWNER") -> list[tuple[object, ...]]:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port("POSTGRES"),
            dbname="warehouse",
            user=f"hm_{role.lower()}",
            password=self.secret(f"WAREHOUSE_{role}_PASSWORD"),
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()

    def processes(self) -> list[str]:
        """Processes of this stack, known by the HM_HOME in their environment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HM_HOME") == str(self.home) and process.pid != os.getpid():
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
            except (psutil.AccessDenied, psutil.NoSuchProcess):
                continue
        return found


def a_stack(home: Path, **settings: str) -> Demo:
    """A stack of its own folder, ports and settings; not started yet."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HM_", "AIRFLOW", "DBT_"))}
    ports = free_ports(len(PORTS))
    environ |= {f"HM_{name.upper()}": str(port) for name, port in zip(PORTS, ports, strict=True)}
    environ |= {"HM_HOME": str(home), "HM_SAMPLE_MARKET_SYMBOLS": str(SYMBOLS), "HM_SPARK_DRIVER_MEMORY": "1g"}
    # The scheduled daily run moves the market's clock on: a test that is under way at 22:25 would see a day go by.
    environ["HM_DAILY_SCHEDULE_TIME"] = f"{datetime.now(UTC) + timedelta(hours=12):%H:%M}"
    return Demo(home, environ | settings)
