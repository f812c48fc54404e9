"""A Kafka of three brokers, each of them a controller too, with the code and the configuration of the local one."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from torture_services import Service, stack_in

from free_ports import free_ports
from hedge_master.local_stack import kafka
from hedge_master.local_stack.stack import LOCAL_FILES

BROKERS = (1, 2, 3)
HEAP = "256m"
SECONDS = 60
# What three brokers have otherwise than one; behind the local configuration, since the last word counts.
OF_THREE = """
node.id={number}
controller.quorum.voters={voters}
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
# a dead broker is noticed in 3 seconds instead of 9, for the test's sake
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Cluster:
    """`servers` is what a client bootstraps from."""

    def __init__(self, brokers: dict[int, Service], servers: str) -> None:
        self._brokers = brokers
        self.servers = servers
        self._admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})

    def leader(self, topic: str, partition: int) -> int:
        """The broker that leads the partition."""
        return int(self._admin.list_topics(topic, timeout=SECONDS).topics[topic].partitions[partition].leader)

    def wait(self) -> None:
        """Until those that live have found each other."""
        deadline = time.monotonic() + SECONDS
        while self.alive() < len(self._brokers):
            assert time.monotonic() < deadline, f"{self.alive()} of {len(self._brokers)} brokers answer"
            time.sleep(0.1)

    def kill(self, number: int) -> None:
        self._brokers.pop(number).kill()

    def alive(self) -> int:
        """How many brokers the cluster knows of."""
        try:
            return len(self._admin.list_topics(timeout=SECONDS).brokers)
        except KafkaException:
            return 0


def configuration(folder: Path, number: int, voters: str) -> Path:
    """The local broker's files, as those of one of three."""
    folder.mkdir()
    for name in ("kafka-log4j2.properties", "server.properties"):
        shutil.copy(LOCAL_FILES / name, folder)
    with (folder / "server.properties").open("a") as properties:
        properties.write(OF_THREE.format(number=number, voters=voters))
    return folder


@contextmanager
def three_brokers(home: Path) -> Iterator[Cluster]:
    """Begins to start them in folders below `home`, on free ports; ends those that still live."""
    ports = free_ports(2 * len(BROKERS))
    listeners, controllers = ports[: len(BROKERS)], ports[len(BROKERS) :]
    voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in zip(BROKERS, controllers, strict=True))
    cluster_id = kafka.new_cluster_id()
    brokers: dict[int, Service] = {}
    with pytest.MonkeyPatch.context() as patch, ExitStack() as running:
        patch.setattr(kafka, "HEAP", HEAP)
        patch.setattr(kafka, "new_cluster_id", lambda: cluster_id)
        for number, port, controller_port in zip(BROKERS, listeners, controllers, strict=True):
            patch.setattr(kafka, "LOCAL_FILES", configuration(home / f"files-{number}", number, voters))
            stack = stack_in(
                home / f"broker-{number}", HM_KAFKA_PORT=str(port), HM_KAFKA_CONTROLLER_PORT=str(controller_port)
            )
            kafka.prepare(stack)
            log = home / f"broker-{number}.log"
            brokers[number] = Service(kafka.server_command(stack), log, lambda: True, signal.SIGKILL)
            brokers[number].begin()
            running.callback(brokers[number].kill)  # in peace the last ones wait for a majority that is gone
        yield Cluster(brokers, ",".join(f"127.0.0.1:{port}" for port in listeners))
