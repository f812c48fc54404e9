"""Is a body the whole answer that was asked for? Judged by its first and last bytes: price answers are up to 1 MB."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from hedge_master.alpha_vantage.errors import (
    AlphaVantageError,
    AnswerForAnother,
    HtmlPage,
    NoSuchAnswer,
    TruncatedAnswer,
)

# None where the body is as it should be. Returned, not raised: the text may echo the key until it is hidden.
Check = Callable[[bytes], AlphaVantageError | None]

HEAD_BYTES = 1024  # holds "Meta Data", or the first row of a CSV
_TAIL_BYTES = 256
# The last bar ends (or an empty series begins), the series ends, the answer ends: cut behind a bar, a body has too few.
_END_OF_SERIES = re.compile(rb"[{}]\s*\}\s*\}\s*\Z")
_END_OF_LIST = re.compile(rb"\]\s*\}\s*\Z")


def whole_series(series: str, named: Mapping[str, str]) -> Check:
    """For JSON of "Meta Data" and `series`. `named`: fields of "Meta Data" and what they must say, in either case."""

    def check(body: bytes) -> AlphaVantageError | None:
        head = body[:HEAD_BYTES]
        if not head.lstrip().startswith(b"{"):
            return _no_json(body)
        if f'"{series}"'.encode() not in head and body.rstrip().endswith(b"}"):
            return NoSuchAnswer(f'{len(body)} bytes without "{series}"')
        if not _END_OF_SERIES.search(body[-_TAIL_BYTES:]):
            return TruncatedAnswer(f"{len(body)} bytes that end before the series does")
        return _wrong_name(head, named)

    return check


def whole_list(member: str, named: Mapping[str, str] | None = None) -> Check:
    """For JSON that ends with the list `member`. `named`: fields at its begin and what they must say."""

    def check(body: bytes) -> AlphaVantageError | None:
        text = body.strip()
        if not text.startswith(b"{"):
            return _no_json(body)
        if f'"{member}"'.encode() not in text and text.endswith(b"}"):
            return NoSuchAnswer(f'{len(body)} bytes without "{member}"')
        if not _END_OF_LIST.search(text[-_TAIL_BYTES:]):
            return TruncatedAnswer(f"{len(body)} bytes that end before the list does")
        return _wrong_name(text[:HEAD_BYTES], named or {})

    return check


def whole_table(*columns: str, symbol: str | None = None) -> Check:
    """For CSV with `columns` as its first ones. `symbol`: what the first column of the first row must say."""
    header = ",".join(columns).encode()

    def check(body: bytes) -> AlphaVantageError | None:
        if not body.startswith(header):
            return _page_or_nothing(body) or NoSuchAnswer(
                f"{len(body)} bytes that are no CSV with {', '.join(columns)}"
            )
        if not body.endswith(b"\n"):
            return TruncatedAnswer(f"{len(body)} bytes of CSV that end within a line")
        first_row = body.split(b"\n", 2)[1].strip()
        if symbol is None or not first_row:
            return None
        return _other_name(first_row.split(b",", 1)[0].strip(b'"').decode("utf-8", "replace"), columns[0], symbol)

    return check


def _page_or_nothing(body: bytes) -> AlphaVantageError | None:
    if body.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        return HtmlPage(f"{len(body)} bytes of HTML")
    return None if body.strip() else TruncatedAnswer("an empty body")


def _no_json(body: bytes) -> AlphaVantageError:
    # Not a word of the body: whatever it is, nobody has asked for it.
    return _page_or_nothing(body) or NoSuchAnswer(f"{len(body)} bytes that are no JSON object")


def _wrong_name(head: bytes, named: Mapping[str, str]) -> AlphaVantageError | None:
    for field, asked in named.items():
        found = re.search(rb'"' + re.escape(field).encode() + rb'"\s*:\s*("(?:[^"\\]|\\.)*")', head)
        if found is None:
            return NoSuchAnswer(f'an answer without "{field}"')
        if wrong := _other_name(_unquoted(found[1]), field, asked):
            return wrong
    return None


def _other_name(said: str, field: str, asked: str) -> AlphaVantageError | None:
    if said.strip().casefold() == asked.strip().casefold():
        return None
    return AnswerForAnother(f'"{field}" is {said[:40]!r}: asked for {asked!r}')


def _unquoted(text: bytes) -> str:
    """A JSON string's meaning; as it stands where it has none."""
    try:
        return str(json.loads(text))
    except ValueError:
        return text.decode("utf-8", "replace")
