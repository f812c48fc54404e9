"""Keeps the API key out of texts: it is part of every address, and some answers echo it."""

from __future__ import annotations

import html
import logging
import re

REDACTED = "[API key]"
# Alpha Vantage's keys have 16 characters. A shorter one ("demo") is no secret, and a word that answers may contain.
SECRET_LENGTH = 8
# What log every address, or every header: httpx at INFO, httpcore at DEBUG.
HTTP_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class Secret:
    """A key that is never shown: finds it as it is, in either case, and quoted for URLs, JSON, HTML or Python.

    A short key is hidden where it stands as a word of its own. `key`: ASCII without spaces.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._lowered = key.lower().encode()
        spelled = "".join(_spellings(character) for character in key)
        if len(key) < SECRET_LENGTH:
            # An escape before it is no part of a word, though it ends in letters: apikey%3Ddemo.
            begins = r"(?:(?<![a-z0-9])|(?<=%[0-9a-f]{2})|(?<=\\u[0-9a-f]{4}))"
            spelled = f"{begins}{spelled}(?![a-z0-9])"
        self._pattern = re.compile(spelled, re.IGNORECASE)

    def reveal(self) -> str:
        return self._key

    def hidden_in(self, text: str) -> str:
        """`text` with REDACTED in every place of the key."""
        return self._pattern.sub(REDACTED, text)

    def is_in(self, body: bytes) -> bool:
        """Whether an answer gives the key away; never for a key too short to be a secret. Cheap for 1 MB of prices."""
        if len(self._key) < SECRET_LENGTH:
            return False
        if self._lowered in body.lower():
            return True
        # Only a body with an escape in it can hold another spelling; prices have none.
        escaped = any(mark in body for mark in (b"%", b"\\", b"&"))
        return escaped and self._pattern.search(body.decode("latin-1")) is not None


def _spellings(character: str) -> str:
    """A pattern for one character of the key in all its spellings; repeats have a bound, so that it stays quick."""
    code = ord(character)
    named = html.escape(character)
    spellings = [
        re.escape(character),
        rf"\\{{1,4}}{re.escape(character)}",
        rf"%(?:25){{0,3}}{code:02x}",
        rf"\\{{1,4}}u00{code:02x}",
        rf"\\{{1,4}}x{code:02x}",
        rf"&#0{{0,6}}{code};",
        rf"&#x0{{0,6}}{code:x};",
    ]
    if named != character:
        spellings.append(re.escape(named))
    return f"(?:{'|'.join(spellings)})"


class _KeyFilter(logging.Filter):
    """Hides keys in whole log lines: the HTTP libraries put addresses and headers into the arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, Secret] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        line = record.getMessage()
        for secret in tuple(self.secrets.values()):
            line = secret.hidden_in(line)
        record.msg, record.args = line, ()
        return True


_FILTER = _KeyFilter()


def keep_out_of_logs(secret: Secret) -> None:
    """From now on, whatever level is set, no line of the HTTP libraries holds this key."""
    _FILTER.secrets[secret.reveal()] = secret
    for name in HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
    if (httpx := logging.getLogger("httpx")).level == logging.NOTSET:
        httpx.setLevel(logging.WARNING)  # else a line for each of thousands of calls, with a whole address
