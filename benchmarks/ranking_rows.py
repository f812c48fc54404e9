"""Rows of a table as PostgreSQL's binary COPY takes them, made of numpy columns."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
# PostgreSQL's types as they go over the wire; a date is the days since 2000-01-01.
WIRE = {"integer": ">i4", "date": ">i4", "smallint": ">i2", "double precision": ">f8", "boolean": ">u1"}
EPOCH = np.datetime64("2000-01-01", "D")
Column = NDArray[Any]


@dataclass(frozen=True)
class Table:
    """A table by its name, its columns in their order, and their types."""

    name: str
    columns: Mapping[str, str]

    def rows(self, values: Mapping[str, Column]) -> bytes:
        """The rows of these columns, all of one length; NaN is null. KeyError for a column that is not there."""
        shape = np.dtype(
            [("", ">u2")] + [part for name, kind in self.columns.items() for part in (("", ">i4"), (name, WIRE[kind]))]
        )
        records = np.empty(len(next(iter(values.values()))), shape)
        bytes_of = records.view(np.uint8).reshape(len(records), shape.itemsize)
        records["f0"] = len(self.columns)
        kept = None
        for place, (name, kind) in enumerate(self.columns.items()):
            column, size, begins = values[name], np.dtype(WIRE[kind]).itemsize, shape.fields[name][1]  # type: ignore[index]
            records[name] = (column - EPOCH).astype(int) if kind == "date" else column
            length = f"f{2 * place + 1}"
            records[length] = size
            if kind == "double precision" and (missing := np.isnan(column)).any():
                records[length][missing] = -1
                kept = np.ones(bytes_of.shape, bool) if kept is None else kept
                kept[missing, begins : begins + size] = False
        return bytes_of.tobytes() if kept is None else bytes_of[kept].tobytes()


class Stream(io.RawIOBase):
    """What psycopg2's copy_expert reads: the parts of a binary COPY one after the other."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._rest = memoryview(HEADER)
        self._is_done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and not self._is_done:
            part = next(self._parts, None)
            self._is_done = part is None
            self._rest = memoryview(TRAILER if part is None else part)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def tables(cursor: Any, schema: str, names: Sequence[str]) -> list[Table]:
    """The tables as the warehouse has them."""
    cursor.execute(
        """select table_name, json_object_agg(column_name, data_type order by ordinal_position)
        from information_schema.columns where table_schema = %s and table_name = any(%s) group by table_name""",
        (schema, list(names)),
    )
    found = {name: Table(f"{schema}.{name}", columns) for name, columns in cursor.fetchall()}
    return [found[name] for name in names]
