"""benchmarks/payload_server.py: payloads made before the run, each symbol's its own, served for next to no CPU."""

from __future__ import annotations

import csv
import hashlib
import importlib
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path
from types import ModuleType

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient

from free_ports import free_ports
from hedge_master.sample_market.faults import Fault, Faults
from hedge_master.sample_market.limits import CallLimits
from hedge_master.sample_market.sessions import Days
from hedge_master.settings import REPO_ROOT
from watch import Watch

BENCHMARKS = REPO_ROOT / "benchmarks"
DAILY = {"function": "TIME_SERIES_DAILY", "apikey": "k"}
NO_LIMIT = CallLimits(0, 0, 0)


@pytest.fixture(scope="module")
def payload_server() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("payload_server")


@pytest.fixture(scope="module")
def folder(payload_server: ModuleType, sessions: dict[str, Days], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven symbols over two templates. `sessions`: so that the trading days are there."""
    made = tmp_path_factory.mktemp("payloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        maker = importlib.import_module("make_payloads")
    maker.make(made, 7, 2, date(2020, 6, 12), REPO_ROOT / ".build" / "test_sessions")
    return made


@pytest.fixture(scope="module")
def server(payload_server: ModuleType, folder: Path) -> TestClient:
    return TestClient(payload_server.create_app(folder, NO_LIMIT), base_url="http://127.0.0.1")


def test_full_and_compact_are_those_of_the_real_api_in_form_and_size(server: TestClient) -> None:
    full = server.get("/query", params={**DAILY, "symbol": "BENCH00003", "outputsize": "full"})
    compact = server.get("/query", params={**DAILY, "symbol": "bench00003"}).json()
    bars = full.json()["Time Series (Daily)"]
    assert 1_000_000 < len(full.content) < 1_200_000 and len(bars) > 5_000
    assert list(compact["Time Series (Daily)"].items()) == list(bars.items())[:100]
    assert full.json()["Meta Data"]["2. Symbol"] == compact["Meta Data"]["2. Symbol"] == "BENCH00003"
    assert full.headers["date"] == "Fri, 12 Jun 2020 23:59:59 GMT"
    assert full.json()["Meta Data"]["3. Last Refreshed"] == "2020-06-12"


def test_every_symbol_has_bytes_of_its_own(server: TestClient) -> None:
    listed = server.get("/query", params={"function": "LISTING_STATUS", "apikey": "k"}).text
    symbols = [row["symbol"] for row in csv.DictReader(listed.splitlines())]
    assert len(symbols) == 7
    answers = [server.get("/query", params={**DAILY, "symbol": symbol}) for symbol in symbols]
    assert len({hashlib.sha256(answer.content).digest() for answer in answers}) == 7
    assert [answer.json()["Meta Data"]["2. Symbol"] for answer in answers] == symbols


def test_splits_are_csv_and_nobody_is_delisted(server: TestClient, folder: Path) -> None:
    call = {**DAILY, "function": "SPLITS", "symbol": "BENCH00005", "datatype": "csv"}
    assert server.get("/query", params=call).text == (folder / "splits-1.csv").read_text(), (
        "the 5th has the odd template"
    )
    delisted = server.get("/query", params={"function": "LISTING_STATUS", "state": "delisted", "apikey": "k"}).text
    assert list(csv.DictReader(delisted.splitlines())) == []


@pytest.mark.parametrize(
    "call", [{"symbol": "BENCH00007"}, {"symbol": "AAPL"}, {"symbol": "BENCH00000", "outputsize": "x"}]
)
def test_what_is_not_there_is_an_invalid_call(server: TestClient, call: dict[str, str]) -> None:
    assert "Invalid API call" in server.get("/query", params={**DAILY, **call}).json()["Error Message"]


def test_limits_and_faults_are_the_sample_markets(payload_server: ModuleType, folder: Path) -> None:
    watch = Watch()
    faults = Faults(1.0, kinds=frozenset({Fault.OTHER_SYMBOL}))
    app = payload_server.create_app(folder, watch.limits(minute=2), faults)
    market = TestClient(app, base_url="http://127.0.0.1")
    call = {**DAILY, "symbol": "BENCH00006"}
    assert market.get("/query", params=call).json()["Meta Data"]["2. Symbol"] == "BENCH00000"
    assert market.get("/query", params=call).json()["Meta Data"]["2. Symbol"] == "BENCH00000"
    assert "(2 requests per minute)" in market.get("/query", params=call).json()["Information"]
    tally = market.get("/faults").json()
    assert (tally["calls"], tally["different_calls"], tally["dealt"]) == (2, 1, {"other_symbol": 2})


def test_a_megabyte_costs_the_server_little(folder: Path) -> None:
    """40 answers of 1 MB a second must leave the two cores to those who are measured: under 10 ms of CPU each."""
    port, answers = free_ports(1)[0], 100
    command = [sys.executable, str(BENCHMARKS / "payload_server.py"), str(folder), "--port", str(port)]
    server = subprocess.Popen([*command, "--faults", "rate=0.2,kinds=http_503"], stderr=subprocess.PIPE)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait_until_healthy(client, server)
            before = cpu_seconds(server)
            statuses = Counter[int]()
            for number in range(answers):
                call = {**DAILY, "symbol": f"BENCH0000{number % 7}", "outputsize": "full"}
                statuses[client.get("/query", params=call).status_code] += 1
            spent = cpu_seconds(server) - before
        assert statuses.keys() == {200, 503}
        assert spent < 0.010 * answers
    finally:
        server.terminate()
        server.communicate(timeout=20)


def cpu_seconds(server: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(server.pid).cpu_times()
    return times.user + times.system


def wait_until_healthy(client: httpx.Client, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, server.communicate()[1].decode()
        try:
            assert client.get("/health").json()["symbols"] == 7
            return
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("the payload server did not answer within 30 s")
