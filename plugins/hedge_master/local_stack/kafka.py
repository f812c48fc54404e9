"""The local Kafka broker: its storage on disk, its configuration, the call that runs it."""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path

from hedge_master.local_stack.java import java
from hedge_master.local_stack.ports import listens
from hedge_master.local_stack.programs import run
from hedge_master.local_stack.stack import JARS, LOCAL_FILES, Stack, StackError

HEAP = "512m"


def _configuration(stack: Stack) -> Path:
    return stack.folders.run / "kafka.properties"


def _java_call(heap: str, *arguments: str) -> tuple[str, ...]:
    jars = JARS / "broker"
    if not any(jars.glob("kafka_*.jar")):
        raise StackError(f"{jars} holds no Kafka: run `make setup`")
    return (
        str(java()),
        *(f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"),
        f"-Dlog4j2.configurationFile={LOCAL_FILES / 'kafka-log4j2.properties'}",
        *("-cp", str(jars / "*")),
        *arguments,
    )


def server_command(stack: Stack) -> tuple[str, ...]:
    return _java_call(HEAP, "kafka.Kafka", str(_configuration(stack)))


def prepare(stack: Stack) -> None:
    """Writes the configuration and, at the first start, formats the storage."""
    storage = stack.folders.data("kafka")
    settings = stack.settings
    filled = (
        (LOCAL_FILES / "server.properties")
        .read_text()
        .replace("@PORT@", str(settings.kafka_port))
        .replace("@CONTROLLER_PORT@", str(settings.kafka_controller_port))
    )
    _configuration(stack).write_text(filled.replace("@STORAGE@", str(storage)))
    if not (storage / "meta.properties").exists():
        _format(stack, filled, storage)


def _format(stack: Stack, configuration: str, storage: Path) -> None:
    """Into a folder beside, renamed when whole: a kill in between leaves nothing half made."""
    if storage.exists():
        raise StackError(f"{storage} holds no meta.properties, so it is no Kafka storage: move it away")
    beside = storage.with_name("kafka.new")
    shutil.rmtree(beside, ignore_errors=True)
    for_format = stack.folders.run / "kafka-format.properties"
    for_format.write_text(configuration.replace("@STORAGE@", str(beside)))
    tool = ("kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", str(for_format))
    made = run(_java_call("128m", *tool))
    if made.returncode:
        raise StackError(f"Kafka's storage could not be made: {made.stdout.strip()[-600:]}")
    beside.rename(storage)


def new_cluster_id() -> str:
    """A random id as Kafka's own tool makes it: 16 bytes in base64 without a leading dash, which reads as an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made


def answers(stack: Stack) -> bool:
    """True where the broker tells its metadata."""
    if not listens(stack.settings.kafka_port):
        return False
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": stack.settings.kafka_servers, "log_level": 0})
    return bool(client.list_topics(timeout=3).brokers)
