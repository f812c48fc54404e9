"""What the supervisor is told, what stands in the way of a start, and in which order things begin."""

from __future__ import annotations

import configparser
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from hedge_master.local_stack import kafka
from hedge_master.local_stack.environment import load_environment
from hedge_master.local_stack.folders import Folders
from hedge_master.local_stack.jobs import jobs
from hedge_master.local_stack.ports import Port, complaints
from hedge_master.local_stack.progress import Figure
from hedge_master.local_stack.services import services
from hedge_master.local_stack.stack import Stack
from hedge_master.local_stack.steps import Step, run_steps
from hedge_master.local_stack.stop import ORDER
from hedge_master.local_stack.supervision import configuration
from hedge_master.settings import load_settings


def stack_of(home: Path, **settings: str) -> Stack:
    environ = load_environment({"HM_HOME": str(home)} | settings, dotenv=home / "no.env", create_secrets=True)
    return Stack(load_settings(environ), environ, Folders(home))


def parsed(stack: Stack) -> configparser.ConfigParser:
    parser = configparser.ConfigParser()  # reads %% as the supervisor does
    parser.read_string(configuration(stack.folders, services(stack)))
    return parser


def test_no_secret_stands_in_the_supervisors_file(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)
    text = configuration(stack.folders, services(stack))
    assert [name for name, value in stack.environ.items() if name.startswith("HM_SECRET_") and value in text] == []


def test_a_cluster_id_never_reads_as_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """11111000 begins the base64 digit "-" (62): Kafka's tool would take "-..." for an option and refuse to format."""
    drawn = iter([uuid.UUID(bytes=b"\xf8" * 16), uuid.UUID(bytes=b"\x00" * 16)])
    monkeypatch.setattr("uuid.uuid4", lambda: next(drawn))
    assert kafka.new_cluster_id() == "A" * 22


def test_nothing_starts_by_itself_and_every_log_is_bounded(tmp_path: Path) -> None:
    programs = [section for name, section in parsed(stack_of(tmp_path)).items() if name.startswith("program:")]
    assert len(programs) == 9
    for program in programs:
        assert (program["autostart"], program["autorestart"]) == ("false", "true")
        assert program["stdout_logfile_maxbytes"] == "20MB"


def test_postgres_is_stopped_fast_and_its_sessions_are_left_to_it(tmp_path: Path) -> None:
    program = parsed(stack_of(tmp_path))["program:postgres"]
    assert (program["stopsignal"], program["stopasgroup"]) == ("INT", "false")


def test_a_folder_with_odd_characters_survives_the_supervisors_own_reader(tmp_path: Path) -> None:
    home = tmp_path / "it's my 100% stack"
    home.mkdir()
    stack = stack_of(home)
    stack.folders.supervisor_config.write_text(configuration(stack.folders, services(stack)))
    read = ServerOptions()
    read.realize(["-c", str(stack.folders.supervisor_config)])
    logs = {each.name: each.stdout_logfile for group in read.process_group_configs for each in group.process_configs}
    assert logs["redis"] == str(home / "logs" / "redis.log")
    assert read.logfile == str(home / "logs" / "supervisord.log")


def test_what_the_user_brings_himself_is_not_started(tmp_path: Path) -> None:
    stack = stack_of(
        tmp_path,
        HM_KAFKA_BOOTSTRAP_SERVERS="kafka.example:9092",
        HM_ALPHA_VANTAGE_BASE_URL="https://api.example",
        HM_ALPHA_VANTAGE_API_KEY="key",
    )
    assert {"kafka", "sample-market"}.isdisjoint(service.name for service in services(stack))
    _check_needs(stack)


def test_every_need_exists_and_every_service_has_its_turn_at_the_stop(tmp_path: Path) -> None:
    stack = stack_of(tmp_path)
    _check_needs(stack)
    assert sorted(name for group in ORDER for name in group) == sorted(service.name for service in services(stack))


def _check_needs(stack: Stack) -> None:
    names = {service.name for service in services(stack)} | {job.name for job in jobs(stack)}
    needs = {need for each in [*services(stack), *jobs(stack)] for need in each.needs}
    assert needs <= names


def test_no_two_services_share_a_port(tmp_path: Path) -> None:
    numbers = [port.number for service in services(stack_of(tmp_path)) for port in service.ports]
    assert len(numbers) == len(set(numbers)) == 9


def test_a_port_in_use_is_one_line_that_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert complaints([Port(number, "HM_AIRFLOW_PORT")]) == [
            f"port {number} (HM_AIRFLOW_PORT) is in use: stop that program or set HM_AIRFLOW_PORT"
        ]


def test_two_settings_with_one_port_are_both_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    assert complaints([Port(number, "HM_KAFKA_PORT"), Port(number, "HM_REDIS_PORT")]) == [
        f"port {number} is named by HM_KAFKA_PORT and HM_REDIS_PORT: give each its own"
    ]


def test_steps_run_after_their_needs_and_side_by_side() -> None:
    order: list[str] = []
    both = threading.Barrier(2, timeout=10)  # breaks unless the two run at the same time

    def noted(name: str, *, meets: bool = False) -> Step:
        def run() -> bool:
            if meets:
                both.wait()
            order.append(name)
            return False

        needs = {"left": ("root",), "right": ("root",), "leaf": ("left", "right")}
        return Step(name, run, needs.get(name, ()))

    run_steps([noted("leaf"), noted("left", meets=True), noted("right", meets=True), noted("root")], Figure())
    assert order[0] == "root"
    assert order[-1] == "leaf"
    assert sorted(order[1:3]) == ["left", "right"]


def test_after_a_failure_nothing_else_begins() -> None:
    began: list[str] = []

    def fails() -> bool:
        raise RuntimeError("no luck")

    def begins() -> bool:
        began.append("second")
        return False

    with pytest.raises(RuntimeError, match="no luck"):
        run_steps([Step("first", fails), Step("second", begins, ("first",))], Figure())
    assert began == []


def test_a_need_that_is_no_step_is_named() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        run_steps([Step("one", lambda: False, ("nowhere",))], Figure())


def test_who_asks_for_the_stacks_processes_is_not_one_of_them(tmp_path: Path) -> None:
    """`make demo` called from inside HM_HOME, without a terminal, must not end itself as an orphan."""
    ask = (
        "from hedge_master.local_stack import processes; from hedge_master.local_stack.folders import Folders; "
        "from pathlib import Path; print(processes.own_processes(Folders(Path.cwd()), None))"
    )
    told = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert told.stdout.strip() == "[]", told.stderr
