"""The ways that alerts travel: mail by Airflow's SMTP notifier, and a webhook that takes JSON."""

from __future__ import annotations

import html
import logging
import smtplib
from collections.abc import Sequence

import httpx

from hedge_master.alerts.alert import Alert, AlertNotSent, Channel
from hedge_master.settings import Settings

SMTP_CONNECTION = "hm_smtp"
TIMEOUT_SECONDS = 15


class Mail:
    """Mail by the server of Airflow's connection hm_smtp."""

    name = "mail"

    def __init__(self, sender: str, receivers: Sequence[str]) -> None:
        self._sender = sender
        self._receivers = list(receivers)

    def send(self, alert: Alert) -> None:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        notifier = SmtpNotifier(
            to=self._receivers,
            from_email=self._sender,
            subject=alert.subject,
            html_content=f"<pre>{html.escape(alert.text)}</pre>",
            smtp_conn_id=SMTP_CONNECTION,
        )
        try:
            # Not as `notifier(context)`: that would read the text as a template.
            notifier.notify({})
        except (smtplib.SMTPException, OSError) as error:
            raise AlertNotSent(f"the mail server did not take the message: {type(error).__name__}") from None


class Webhook:
    """A POST of {"text", "subject", "cause"}; chat programs show `text`."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url
        # httpx logs each address at INFO, and a webhook's address is its password.
        for logger in ("httpx", "httpcore"):
            logging.getLogger(logger).setLevel(logging.WARNING)

    def send(self, alert: Alert) -> None:
        message = {"text": f"{alert.subject}\n\n{alert.text}", "subject": alert.subject, "cause": alert.cause}
        try:
            answer = httpx.post(self._url, json=message, timeout=TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise AlertNotSent(f"the webhook did not take the message: {type(error).__name__}") from None
        if answer.is_error:
            raise AlertNotSent(f"the webhook did not take the message: HTTP {answer.status_code}")


def channels(settings: Settings) -> list[Channel]:
    """The ways that are set up; none by default."""
    ways: list[Channel] = []
    if settings.alert_email_to is not None:
        receivers = [address.strip() for address in settings.alert_email_to.split(",")]
        ways.append(Mail(settings.alert_email_from, receivers))
    if settings.alert_webhook_url is not None:
        ways.append(Webhook(settings.alert_webhook_url.get_secret_value()))
    return ways
