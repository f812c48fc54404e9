"""Kills -9 what the stream is made of, again and again, and compares what is left with a run without kills.

    make torture KILLS=50 SEED=2020

Round by round the producer publishes; the same messages go through the same job into a warehouse that nobody touches,
and into one whose every process dies: the driver (its JVM or its Python), Spark's Python workers, the broker, the
postmaster, one backend, the producer.
"""

from __future__ import annotations

import argparse
import queue
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from torture_account import against_kafka, against_untouched
from torture_messages import SYMBOLS
from torture_plan import Kill, plan
from torture_services import DEADLINE_SECONDS
from torture_stage import Stage

TRIES = 4  # after a kill a run may meet what it left behind; more must not be needed
LOOK_SECONDS = 0.01


class NotReached(RuntimeError):
    """Nobody came to the point at which he was to die, or the runs behind a kill do not get through."""


class Torture:
    """Kills on a stage; `tell` gets a line for each, and the verdict."""

    def __init__(self, stage: Stage, seed: int, tell: Callable[[str], None]) -> None:
        self._stage = stage
        self._seed = seed
        self._tell = tell
        self._rounds = 0
        # of the last runs that nobody was killed in
        self._producing_seconds = self._merging_seconds = 0.0
        self._statements = 0

    def run(self, kills: int) -> bool:
        """True where the verdict is good."""
        began = time.monotonic()
        self._publish()
        for number, kill in enumerate(plan(kills, Random(self._seed)), 1):
            started = time.monotonic()
            dice = Random(f"{self._seed}/{number}")
            told = self._producer_kill(kill, dice) if kill.of_producer else self._stream_kill(kill, dice)
            seconds = time.monotonic() - started
            self._tell(f"kill {number:>3}/{kills} {seconds:5.1f} s  round {self._rounds:>2}  {told}")
        self._settle()
        stage = self._stage
        verdict = [
            *against_kafka(self._seed, self._rounds, stage.kafka_servers, stage.url),
            *against_untouched(stage.url, stage.untouched_url),
        ]
        for check in verdict:
            self._tell(str(check))
        passed = all(check.passed for check in verdict)
        seconds = time.monotonic() - began
        told = f"{kills} kills in {self._rounds} rounds, seed {self._seed}, {seconds:.0f} s"
        self._tell(f"PASS: 0 lost, 0 doubled, {told}" if passed else f"FAIL: {told}")
        return passed

    def _publish(self) -> None:
        """Publish the round, or what is left of it, and have it merged where nobody is killed."""
        began = time.monotonic()
        for _ in range(TRIES):
            if self._stage.begin_producer(self._seed, self._rounds).wait(DEADLINE_SECONDS) == 0:
                break
        else:
            raise NotReached(f"the producer failed {TRIES} times: {self._stage.log_tail('producer')}")
        self._producing_seconds = time.monotonic() - began
        began = time.monotonic()
        reply = self._stage.driver.run(self._stage.untouched_url, f"torture/{self._rounds}")
        if reply is None or reply["error"]:
            raise NotReached(f"the run without kills failed: {reply}")
        self._merging_seconds = time.monotonic() - began
        self._statements = int(reply["statements"])
        self._rounds += 1

    def _settle(self) -> None:
        """Run until all is read."""
        reply = None
        for _ in range(TRIES):
            if not self._stage.unread():
                return
            reply = self._stage.driver.run(self._stage.url, f"torture/{self._rounds}")
        raise NotReached(f"{self._stage.unread()} messages are unread after {TRIES} runs: {reply}")

    def _stream_kill(self, kill: Kill, dice: Random) -> str:
        if not self._stage.unread():
            self._publish()
        point = f"in_merge {dice.randint(2, self._statements)}" if kill.point == "in_merge" else kill.point
        if kill.victim == "worker" and not self._stage.driver.workers():
            point = "in_copy"  # a new driver has none before
        moment = dice.uniform(0, self._merging_seconds)
        for _ in range(TRIES):
            self._stage.driver.begin(self._stage.url, f"torture/{self._rounds}")
            if point is None:
                ended = self._reply(moment)
                return self._killed(kill.victim, dice, f"after {moment:.2f} s", ended)
            self._stage.points.arm(point)
            ended = self._ended_before(point)
            if ended is None:
                return self._killed(kill.victim, dice, point, None)
            self._stage.points.disarm()
            if not ended["error"]:  # else it met what an earlier kill had left behind
                break
        raise NotReached(f"no run came to {point}, {self._stage.unread()} messages are unread: {ended}")

    def _reply(self, seconds: float) -> dict[str, Any] | None:
        """The reply of the run, if it ends in that time."""
        with suppress(queue.Empty):
            return self._stage.driver.reply(seconds) or {"error": "the driver is dead"}
        return None

    def _ended_before(self, point: str) -> dict[str, Any] | None:
        """None as soon as somebody waits at the point; the run's reply where it ended without."""
        until = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < until:
            if self._stage.points.waiting():
                return None
            ended = self._reply(LOOK_SECONDS)
            if ended is not None:
                return ended
        raise NotReached(f"nobody came to {point} in {DEADLINE_SECONDS} s: {self._stage.log_tail('driver')}")

    def _killed(self, victim: str, dice: Random, where: str, ended: dict[str, Any] | None) -> str:
        """Kill, and tell what became of the run."""
        who = self._stage.kill(victim, dice)
        if victim == "driver":
            became = "begun anew"
        else:
            reply = ended or self._stage.driver.reply() or {"error": "the driver died of it"}
            became = f"run failed: {reply['error'][:100]}" if reply["error"] else "run went on"
        return f"{who:<17} {where:<17} {became}"

    def _producer_kill(self, kill: Kill, dice: Random) -> str:
        """A kill while the next round is published; what is left of the round is published behind it."""
        self._settle()
        where = f"{kill.point} {dice.randint(1, len(SYMBOLS))}" if kill.point else None
        moment = dice.uniform(0, self._producing_seconds)
        if where is not None:
            self._stage.points.arm(where)
        began = time.monotonic()
        producer = self._stage.begin_producer(self._seed, self._rounds)
        while producer.poll() is None and not self._stage.points.waiting():
            if where is None and time.monotonic() > began + moment:
                break
            time.sleep(LOOK_SECONDS)
        if where is not None and not self._stage.points.waiting():
            raise NotReached(f"{where} was not reached: {self._stage.log_tail('producer')}")
        if kill.victim == "producer":
            producer.kill()
            self._stage.points.let_go()
            who = "producer"
        else:
            who = self._stage.kill(kill.victim, dice)
        failed = producer.wait(DEADLINE_SECONDS)
        self._publish()
        where = where or f"after {moment:.2f} s"
        return f"{who:<17} {where:<17} publishing {'begun anew' if failed else 'went on'}"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--kills", type=int, default=50, help="the first 35 go to every point, the rest anywhere")
    arguments.add_argument("--seed", type=int, default=2020, help="of the messages, the order and the moments")
    asked = arguments.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hm-torture-") as home, Stage(Path(home)) as stage:
        torture = Torture(stage, asked.seed, lambda line: print(line, flush=True))
        return 0 if torture.run(asked.kills) else 1


if __name__ == "__main__":
    sys.exit(main())
