"""Publishes full payloads as the task publish_payloads does, with a real broker and ledger, and measures it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self, cast

import httpx
import psycopg2
from payload_files import symbol_of
from psycopg2.extras import execute_values
from publishing_task import DAG_ID, DAY, Told
from services import payload_server, stack_in

from hedge_master.ingestion.plan import Estimate, PlannedCall, write_plan
from hedge_master.local_stack.airflow_environment import airflow_environment
from hedge_master.local_stack.programs import log_tail
from hedge_master.local_stack.stack import Stack

CALLS_A_MINUTE = 1200
EMPTY_RUNS = 3
LONGEST_SECONDS = 1800
PROGRAM = Path(__file__).with_name("publishing_task.py")
NO_COST = Estimate(0, None, None, 1, datetime(2020, 6, 12, tzinfo=UTC))
KILL_SEED = 5


@dataclass(frozen=True)
class Measured:
    """One run: answers that were `kept` (splits stored, histories confirmed by the broker) in `seconds`, from the first
    call to the last confirmation; `calls` as the server counted them, retries too; and the peak memory of the process
    that ended it."""

    kept: int
    seconds: float
    calls: int
    peak_megabytes: float

    @property
    def budget_share(self) -> float:
        """Kept answers as a share of the calls that the plan allows in that time."""
        return self.kept / (CALLS_A_MINUTE / 60 * self.seconds)

    @property
    def calls_per_answer(self) -> float:
        return self.calls / self.kept


@dataclass(frozen=True)
class Bench:
    """Where runs take place: a warehouse and a broker that run, the folder of payloads, and one for logs."""

    stack: Stack
    kafka_servers: str
    payloads: Path
    logs: Path

    def empty_task_megabytes(self) -> float:
        """Peak memory of a task that does nothing; the first process compiles, and is left out."""
        peaks = [self._result("empty", "http://127.0.0.1:1")["peak_megabytes"] for _ in range(EMPTY_RUNS + 1)]
        return median(peaks[1:])

    def run(self, name: str, symbols: int, faults: str = "none", kills: int = 0) -> Measured:
        """Publish `symbols` full payloads within CALLS_A_MINUTE, which the server enforces too.

        `faults` as HM_SAMPLE_MARKET_FAULTS. The process is killed with SIGKILL `kills` times, each at a random number
        of kept answers, and started again.
        """
        run_id = f"{DAG_ID}/{name}"
        calls = [
            PlannedCall(symbol_of(number), "full", "no history yet", asks_splits=True) for number in range(symbols)
        ]
        with closing(psycopg2.connect(self._warehouse_url)) as warehouse, warehouse:
            with warehouse.cursor() as cursor:
                execute_values(
                    cursor,
                    """insert into market.symbols (symbol, name, type, region, timezone, currency, first_seen) values %s
                    on conflict (symbol) do nothing""",
                    [(call.symbol, "n", "Equity", "United States", "US/Eastern", "USD", DAY) for call in calls],
                )
            write_plan(warehouse, run_id, "history", date.fromisoformat(DAY), calls, NO_COST)
        moments = sorted(random.Random(KILL_SEED).sample(range(2 * symbols), kills))  # noqa: S311 (no secret)
        options = ("--per-minute", str(CALLS_A_MINUTE), "--faults", faults)
        with payload_server(self.payloads, self.logs / f"{name}-server.log", *options) as address:
            for moment in moments:
                with self._task(name, address, run_id, str(symbols)) as killed:
                    self._wait_for(killed, run_id, moment)
            told = self._result(name, address, run_id, str(symbols))
            bought = httpx.get(f"{address}/faults", trust_env=False).json()["calls"]
        kept, seconds = self._kept(run_id)
        return Measured(kept, seconds, bought, told["peak_megabytes"])

    @property
    def _warehouse_url(self) -> str:
        return self.stack.settings.required("warehouse_ingest_url")

    def _result(self, name: str, address: str, *arguments: str) -> Told:
        with self._task(name, address, *arguments) as task:
            return task.result()

    def _task(self, name: str, address: str, *arguments: str) -> TaskProcess:
        stack = stack_in(
            self.stack.folders.home,
            HM_POSTGRES_PORT=str(self.stack.settings.postgres_port),
            HM_KAFKA_BOOTSTRAP_SERVERS=self.kafka_servers,
            HM_ALPHA_VANTAGE_BASE_URL=address,
            HM_ALPHA_VANTAGE_API_KEY="benchmark",
            HM_ALPHA_VANTAGE_REQUESTS_PER_MINUTE=str(CALLS_A_MINUTE),
        )
        return TaskProcess(self.logs / f"{name}-task.log", airflow_environment(stack), *arguments)

    def _wait_for(self, task: TaskProcess, run_id: str, answers: int) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while self._kept(run_id)[0] < answers:
            if not task.runs or time.monotonic() > deadline:
                raise RuntimeError(f"the task did not get to {answers} answers: {log_tail(task.log)}")
            time.sleep(0.05)

    def _kept(self, run_id: str) -> tuple[int, float]:
        """How many answers the ledger holds, and the seconds from the first call to the last confirmation."""
        with closing(psycopg2.connect(self._warehouse_url)) as warehouse, warehouse.cursor() as cursor:
            cursor.execute(
                """select count(distinct (function, symbol)),
                    coalesce(extract(epoch from max(finished_at) - min(requested_at)), 0)
                from market.api_calls where run_id = %s and outcome in ('published', 'stored')""",
                (run_id,),
            )
            count, seconds = cursor.fetchone() or (0, 0)
            return count, float(seconds)


class TaskProcess:
    """publishing_task.py as a process, which starts at once and is killed at the end of the block if it still runs."""

    def __init__(self, log: Path, environ: dict[str, str], *arguments: str) -> None:
        self.log = log
        with log.open("a") as file:
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                [sys.executable, str(PROGRAM), *arguments], env=environ, stdout=file, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def result(self) -> Told:
        """What it told at its end. Raises RuntimeError with the end of its log where it failed."""
        if self._process.wait(LONGEST_SECONDS):
            raise RuntimeError(f"{PROGRAM.name} failed:\n{log_tail(self.log)}")
        return cast(Told, json.loads(self.log.read_text().splitlines()[-1]))
