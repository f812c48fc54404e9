"""An alert, and its delivery: each way gets a cause once, whoever finds it and however often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from psycopg2.extensions import connection as Connection


class AlertNotSent(RuntimeError):
    """A mail server or a webhook did not take a message; the text holds no password."""


@dataclass(frozen=True)
class Alert:
    """`cause` is what is told once, such as a run's name or the date of the newest bar; the rest is the message."""

    cause: str
    subject: str
    text: str


class Channel(Protocol):
    """A way to a person. `name` stands in market.alerts_sent."""

    name: str

    def send(self, alert: Alert) -> None:
        """Raises AlertNotSent."""


def send_once(warehouse: Connection | None, alert: Alert, channels: Sequence[Channel]) -> list[str]:
    """Send the alert by each channel that has not had its cause yet; the names of those that got it now.

    The cause is kept in the transaction that waits for the message to go out: two tasks that fail at the same moment
    send one, and a message that nobody took is tried again. `warehouse` None: nothing remembers, so it is sent.
    Raises AlertNotSent after all channels were tried.
    """
    sent: list[str] = []
    complaints: list[str] = []
    for channel in channels:
        if warehouse is not None and not _is_new(warehouse, alert.cause, channel.name):
            continue
        try:
            channel.send(alert)
        except AlertNotSent as error:
            complaints.append(str(error))
            if warehouse is not None:
                warehouse.rollback()
            continue
        if warehouse is not None:
            warehouse.commit()
        sent.append(channel.name)
    if complaints:
        raise AlertNotSent("; ".join(complaints))
    return sent


def _is_new(warehouse: Connection, cause: str, channel: str) -> bool:
    with warehouse.cursor() as cursor:
        cursor.execute(
            "insert into market.alerts_sent (cause, channel) values (%s, %s) on conflict do nothing", (cause, channel)
        )
        if cursor.rowcount == 1:
            return True
    warehouse.rollback()
    return False
