"""Reads one field of an answer at a time; one that is not as it should be is named with its function and its value."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, TypeVar

from hedge_master.alpha_vantage.errors import UnreadableAnswer

T = TypeVar("T")
NO_VALUE = frozenset({"", "None", "null", "-", "N/A"})  # how the API writes that it has none
_LONGEST_VALUE = 60  # of what an error shows: never a whole body


@dataclass(frozen=True)
class Fields:
    """The fields of one object or row in an answer to `function`. All readers raise UnreadableAnswer.

    Those with "or_none" give None for a field that is empty, says that there is no value, or is not there at all.
    `place` says in errors which object or row it is.
    """

    function: str
    values: Mapping[str, Any]
    place: str = ""

    def text(self, name: str) -> str:
        """A text, which may be empty."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self._refusal(name, "not a text")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self._is_missing(name) else self.text(name)

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        if self.text(name) not in words:
            raise self._refusal(name, f"not {' or '.join(words)}")
        return self.text(name)

    def day(self, name: str) -> date:
        return self._read(name, date.fromisoformat, "not a date (YYYY-MM-DD)")

    def day_or_none(self, name: str) -> date | None:
        return None if self._is_missing(name) else self.day(name)

    def moment(self, name: str) -> datetime:
        """A date, or a date and a time; without zone."""
        return self._read(name, datetime.fromisoformat, "not a date and time (YYYY-MM-DD HH:MM:SS)")

    def clock_time(self, name: str) -> time:
        return self._read(name, time.fromisoformat, "not a time of day (HH:MM)")

    def clock_time_or_none(self, name: str) -> time | None:
        return None if self._is_missing(name) else self.clock_time(name)

    def number(self, name: str) -> float:
        """A finite number."""
        return self._read(name, _finite, "not a number")

    def number_or_none(self, name: str) -> float | None:
        return None if self._is_missing(name) else self.number(name)

    def above_zero(self, name: str) -> float:
        number = self.number(name)
        if number <= 0:
            raise self._refusal(name, "not above 0")
        return number

    def inner(self, name: str) -> Fields:
        """An object within this one."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self._refusal(name, "not an object")
        return Fields(self.function, value, f" of {name}")

    def objects(self, name: str) -> list[Fields]:
        """A list of objects."""
        rows = self.values.get(name)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._refusal(name, "not a list of objects")
        return [Fields(self.function, row, f" of {name}[{number}]") for number, row in enumerate(rows)]

    def by_day(self) -> list[tuple[date, Fields]]:
        """The objects within this one, whose names are days."""
        return [(Fields(self.function, {"day": name}, self.place).day("day"), self.inner(name)) for name in self.values]

    def _is_missing(self, name: str) -> bool:
        value = self.values.get(name)
        return value is None or (isinstance(value, str) and value.strip() in NO_VALUE)

    def _read(self, name: str, meaning: Callable[[str], T], complaint: str) -> T:
        try:
            return meaning(self.text(name).strip())
        except ValueError:
            raise self._refusal(name, complaint) from None

    def _refusal(self, name: str, complaint: str) -> UnreadableAnswer:
        if name not in self.values:
            return UnreadableAnswer(f"{self.function}: there is no {name}{self.place}")
        shown = repr(self.values[name])
        if len(shown) > _LONGEST_VALUE:
            shown = shown[:_LONGEST_VALUE] + "…"
        return UnreadableAnswer(f"{self.function}: {name}{self.place} is {shown}: {complaint}")


def json_object(function: str, body: bytes) -> Fields:
    """The fields of a JSON answer."""
    try:
        values = json.loads(body)
    except ValueError:  # its text is silent about the body, but it carries all of it along
        values = None
    if not isinstance(values, dict):
        raise UnreadableAnswer(f"{function}: {len(body)} bytes that are no JSON object")
    return Fields(function, values)


def csv_rows(function: str, body: bytes, columns: set[str]) -> list[Fields]:
    """The rows of a CSV answer, which must have `columns`; each row has a value for each column."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableAnswer(f"{function}: {len(body)} bytes that are no UTF-8 from byte {error.start} on") from None
    reader = csv.DictReader(io.StringIO(text))
    missing = columns - set(reader.fieldnames or ())
    if missing:
        # Not a word of the body: a notice in it may echo the API key.
        raise UnreadableAnswer(f"{function}: {len(body)} bytes that are no CSV with {', '.join(sorted(missing))}")
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise UnreadableAnswer(f"{function}: line {reader.line_num} has more or fewer values than the header")
        rows.append(Fields(function, row, f" in line {reader.line_num}"))
    return rows


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
