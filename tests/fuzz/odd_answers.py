"""Answers of a price API gone mad, from a seed: what a stream may be sent, with all that can be wrong with it."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

MARKET_DATE = date(2020, 6, 12)
SYMBOL = "AAA"
FIELDS = ("1. open", "2. high", "3. low", "4. close", "5. volume")
HEADERS = {
    "symbol": SYMBOL,
    "requested_at": "2026-01-02T03:04:05.000001+00:00",
    "market_time": "2020-06-12T22:25:00+00:00",
    "market_date": MARKET_DATE.isoformat(),
}
EVERY_ROW_IN = 10_000  # one answer in so many has as many rows

Bar = list[tuple[str, str]]  # field names and values as JSON text, so that a name can stand twice
Row = tuple[str, str]  # the day and its bar, both as JSON text


class Sent(NamedTuple):
    """A Kafka message, but for its place."""

    value: bytes | None
    headers: list[tuple[str, bytes]]
    key: bytes | None


def quoted(text: str) -> str:
    return json.dumps(text)


# Numbers that a lax reader takes for one. What a price may be written as, and what a volume may not.
ODD_WORDS = (
    "1.0d 1.0D 10f 10F 10L 0x1.4p3 0xA 1e1 1E+1 1e-1 +10 -10 010 000 10. .5 . + - -0 +-1 1e 1e+ e5 1_0 1,0 1.0.0 "
    "NaN nan Infinity -Infinity inf INF 1e308 1e309 1e999 1e-308 1e-400 5e-324 1e12 1e13 1e-9 1e-10 null true "
    "\u0661\u0660 \uff11\uff10 10\u0660 \u00bd \u2212\u0031 1\u00a00 $10 10% ten 0b1 0o7 1e3 1e308d"
)
WRITTEN_ODDLY = [quoted(text) for text in ODD_WORDS.split(" ")]
WRITTEN_ODDLY += [
    quoted(text)
    for text in (
        *("", " ", " 10", "10 ", " 10 ", "\t10", "10\n", "\u00a010", "10\u2003", "\u200b10", "\ufeff10", "\x0010"),
        *(
            "10\x00",
            "\x1f10",
            "\x7f10",
            "9" * 400,
            "9" * 5000,
            "0" * 5000 + "10",
            "1." + "0" * 3000,
            "\ud800",
            "1\ud83d",
        ),
    )
]
WRITTEN_ODDLY += ["10", "10.5", "1e1", "1E1", "1E400", "-1", "0", "-0", "0.0", "1e-400", "NaN", "Infinity", "-Infinity"]
WRITTEN_ODDLY += [
    "null",
    "true",
    "false",
    "[]",
    "{}",
    '["10"]',
    '{"a": "10"}',
    "[" * 300 + "]" * 300,
    '"\\u0031\\u0030"',
]
WRITTEN_ODDLY += ["9" * 999, "9" * 1000, "9" * 1001, "0." + "1" * 900]
VOLUMES = [
    *(quoted(text) for text in ("1e3", "1E3", "1.0", "1.", "1.5", "+5", "-5", "-0", " 12 ", "0012", "12L", "1,000")),
    *(quoted(str(number)) for number in (2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30)),
    *(
        "1e3",
        "1.0",
        "1E3",
        "100",
        str(2**63 - 1),
        str(2**63),
        "-1",
        "true",
        quoted("\u0661\u0662"),
        quoted("0" * 500 + "7"),
    ),
]
LONG = "".join(random.Random(0).choices(string.ascii_letters, k=5000))
DAYS = [
    quoted(text)
    for text in (
        *("", " ", "2020-02-30", "2019-02-29", "2020-02-29", "2020-13-01", "2020-00-10", "2020-06-00", "2020-6-12"),
        *("20-06-12", "2020-06-12 ", " 2020-06-12", "2020-06-12\n", "\n2020-06-12", "2020-06-12T00:00:00", "2020-06"),
        *("2020-06-12 16:00", "2020", "12.06.2020", "06/12/2020", "20200612", "2020/06/12", "today", "epoch", "now"),
        *("+2020-06-12", "-2020-06-12", "02020-06-12", "12020-06-12", "0000-06-12", "0001-01-01", "1582-10-10"),
        *("1899-12-31", "1900-01-01", "1970-01-01", "9999-12-31", "2020-06-13", "2021-01-01", "2020\u201306\u201312"),
        *(
            "\u0662\u0660\u0662\u0660-\u0660\u0666-\u0661\u0662",
            "\uff12020-06-12",
            "2020-06-12\u2028",
            "2020-06-12\x00",
        ),
        *("2020-06-1\ud800", "\u00e92020", LONG, "2020-06-12Z", "2020-06-12+01:00", "null", "NaN"),
    )
]
BARS = ["null", "true", "0", '"bar"', '""', "[]", "{}", '["1. open"]', "NaN", "[{}]", '{"1. open": "10"}', '"{}"', "{}"]
NO_SERIES = ["null", "[]", "{}", '""', "5", "true", '"{}"', "[{}]", "NaN", '[["2020-06-12"]]', '"none"']
WRONG_SYMBOLS = ["BBB", "aaa", "AAA ", " AAA", "", "\u0410\u0410\u0410", "AAA\x00", "AAA\ud800", "A", "AAAA"]
META_DATA = [
    "null",
    "[]",
    '"AAA"',
    "{}",
    "5",
    "true",
    '{"2. Symbol": null}',
    '{"2. Symbol": ["AAA"]}',
    '{"2. symbol": "AAA"}',
]
BODIES: list[bytes | None] = [
    *(
        None,
        b"",
        b" ",
        b"\n\n",
        b"null",
        b"0",
        b'"AAA"',
        b"[]",
        b"{}",
        b"true",
        b"NaN",
        b"[{}]",
        b"{",
        b"}",
        b'"',
        b"nul",
    ),
    *(
        b"\xff\xfe",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{} {}",
        b"{},{}",
        b"{}]",
        b"{},{}]",
        b"{} x",
    ),
    *(b"<html><body>502 Bad Gateway</body></html>", b"<!DOCTYPE html>", b"timestamp,open,high,low,close,volume\r\n"),
    *(b'{"Information": "Thank you for using Alpha Vantage!"}', b'{"Note": "5 calls a minute"}', b'{"Note": ""}'),
    *(
        b'{"Error Message": "Invalid API call."}',
        b'{"Information": null}',
        b'{"Information": {"a": 1}}',
        b'{"Note": 0}',
    ),
    *(b'{"Note": "a", "Note": "b"}', b'{"Note": "a", "Note": null}', b'{"Note": "a"} x', b"{'Note': 'a'}", b'["Note"]'),
    *(
        b'{"note": "a"}',
        b'{"a": {"Note": "a"}}',
        b'{"Note": "a",}',
        b"{Note: 1}",
        b'{"Note": "a\n"}',
        b"{\"Note\": 'a'}",
    ),
    *(b"[" * depth + b"]" * depth for depth in (2, 998, 999, 1000, 1001, 20_000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (2, 999, 1000, 5000)),
    b"/* */ {}",
    b'{"Note": "a", "Time Series (Daily)": []}',
    b'{"Note": "a", "Time Series (Daily)": {}}',
]


class Answers:
    """`sent(n)`: the same n messages for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def sent(self, messages: int) -> Iterator[Sent]:
        for number in range(messages):
            rows = EVERY_ROW_IN if number % EVERY_ROW_IN == EVERY_ROW_IN // 8 else self._few()
            yield self._message(rows)

    def _few(self) -> int:
        kind = self._random.random()
        return 0 if kind < 0.02 else 100 if kind < 0.03 else self._random.randint(1, 6)

    def _message(self, rows: int) -> Sent:
        headers, key = dict(HEADERS), SYMBOL.encode()
        kind = self._random.random()
        if kind < 0.08:
            return Sent(self._random.choice(BODIES), self._packed(headers), key)
        body = self._body([self._row(number) for number in range(rows)]).encode("utf-8", "replace")
        if kind < 0.25:
            body = self._random.choice(DAMAGES)(self._random, body)
        if kind > 0.97:
            return self._without_headers(body, headers)
        return Sent(body, self._packed(headers), key)

    def _packed(self, headers: dict[str, str]) -> list[tuple[str, bytes]]:
        return [(name, text.encode()) for name, text in headers.items()]

    def _without_headers(self, body: bytes, headers: dict[str, str]) -> Sent:
        kind = self._random.randrange(7)
        if kind < 4:
            del headers[list(HEADERS)[kind]]
        packed = self._packed(headers)
        if kind == 4:
            packed = []
        if kind == 5:
            packed.insert(0, self._random.choice([("requested_at", b"yesterday"), ("market_date", b"2020-13-01")]))
        if kind == 6:
            packed.append(self._random.choice([("symbol", b"BBB"), ("market_date", b"2000-01-01")]))
        return Sent(body, packed, self._random.choice([SYMBOL.encode(), b"BBB", None]))

    def _body(self, rows: list[Row]) -> str:
        chance = self._random.random()
        space = self._random.choice(["", " ", "\n    ", "\r\n\t"])
        if len(rows) < EVERY_ROW_IN and rows and chance < 0.05:
            rows.append(self._random.choice(rows))  # one day twice
        series = "{" + ",".join(f"{space}{day}:{space}{bar}" for day, bar in rows) + "}"
        symbol = self._random.choice(WRONG_SYMBOLS) if 0.05 < chance < 0.10 else SYMBOL
        meta = f'{{"1. Information":{space}"Daily", "2. Symbol":{space}{quoted(symbol)}}}'
        if 0.10 < chance < 0.12:
            meta = self._random.choice(META_DATA)
        if 0.12 < chance < 0.14:
            series = self._random.choice(NO_SERIES)
        members = [("Meta Data", meta), ("Time Series (Daily)", series)]
        if 0.14 < chance < 0.18:
            members.append(self._random.choice([("Meta Data", meta), ("Time Series (Daily)", series), *EXTRA_MEMBERS]))
        if 0.16 < chance < 0.25:
            self._random.shuffle(members)
        return "{" + ",".join(f"{space}{quoted(name)}:{space}{value}" for name, value in members) + space + "}"

    def _row(self, number: int) -> Row:
        pick = self._random
        day = quoted(str(MARKET_DATE - timedelta(days=number)))
        bar = self._good()
        if pick.random() < 0.4:
            return day, written(bar)
        kind = pick.randrange(12)
        if kind == 0:
            day = pick.choice(DAYS)
        elif kind == 1:
            return day, pick.choice(BARS)
        elif kind == 2:
            bar[1], bar[2] = (FIELDS[1], bar[2][1]), (FIELDS[2], bar[1][1])
        elif kind == 3:
            bar[pick.choice((0, 3))] = (FIELDS[pick.choice((0, 3))], quoted(pick.choice(["0.01", "99999", "0", "-1"])))
        elif kind == 4:
            del bar[pick.randrange(5)]
        elif kind == 5:
            bar.append(pick.choice([*bar, ("6. extra", "1"), ("1. Open", "1"), ("1. open ", "1"), ("", "null")]))
        elif kind == 6:
            bar[4] = (FIELDS[4], pick.choice(VOLUMES))
        elif kind == 7:
            same = pick.choice(WRITTEN_ODDLY)
            bar = [(name, same) for name in FIELDS[:4]] + bar[4:]
        elif kind == 8:
            pick.shuffle(bar)
        elif kind == 9:
            bar = [(name, value.strip('"')) for name, value in bar]
        else:
            at = pick.randrange(5)
            bar[at] = (FIELDS[at], pick.choice(WRITTEN_ODDLY))
        return day, written(bar)

    def _good(self) -> Bar:
        pick = self._random
        low = pick.choice([0.0001, 0.5, 9.0, 150.25, 640_000.0])
        high = low * pick.choice([1.0, 1.0, 1.1, 1.5])
        opened, closed = (pick.choice([low, high, (low + high) / 2]) for _ in range(2))
        prices = [f"{max(price, 0.0001):.4f}" for price in (opened, high, low, closed)]
        return [*zip(FIELDS, map(quoted, [*prices, str(pick.randrange(10**7))]), strict=True)]


def written(bar: Bar) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {value}" for name, value in bar) + "}"


EXTRA_MEMBERS = [
    ("Information", '"a notice beside the prices"'),
    ("deep", "[" * 900 + "]" * 900),
    ("deeper", "[" * 998 + "]" * 998),
    ("too deep", "[" * 999 + "]" * 999),
    ("bottomless", '{"a":' * 3000 + "1" + "}" * 3000),
    ("\u00e9\u4e2d\U0001f600", '"\u00e9\u4e2d\U0001f600"'),
    ("Time Series (Daily)", "null"),
    ("Meta Data", "null"),
    ("time series (daily)", "{}"),
]


def _at(pick: random.Random, body: bytes) -> int:
    return pick.randrange(len(body))


Damage = Callable[[random.Random, bytes], bytes]
DAMAGES: list[Damage] = [
    lambda pick, body: body[: _at(pick, body)],
    lambda pick, body: body[: -pick.randint(1, 5)],
    lambda pick, body: body[_at(pick, body) :],
    lambda pick, body: (
        body + pick.choice([b"x", b" junk", body, b"," + body, b"}", b"]", b",{}] x", b"\x00", b"\n {}"])
    ),
    lambda pick, body: body + pick.choice([b" ", b"\n", b"\r\n\t "]),
    lambda pick, body: pick.choice([b"\xef\xbb\xbf", b"x", b"\x00", b"/**/", b"[", b"\n", b" "]) + body,
    lambda pick, body: b"[" + body + b"]",
    lambda pick, body: json.dumps(body.decode()).encode(),
    lambda pick, body: body.replace(b'"', b"'"),
    lambda pick, body: body.replace(b",", b",,", 1),
    lambda pick, body: body.replace(b"}", b",}", 1),
    lambda pick, body: body.replace(b'"', b'\\"', pick.randint(1, 3)),
    lambda pick, body: body.replace(b":", b"=", 1),
    lambda pick, body: body.decode().encode("utf-16"),
    *(5 * [lambda pick, body: _overwritten(pick, body, bytes([pick.randrange(0x20, 0x7F)]))]),
    *(
        2
        * [lambda pick, body: _overwritten(pick, body, bytes([pick.choice([0, 9, 10, 0x1F, 0x7F, 0x80, 0xC0, 0xFF])]))]
    ),
    *(2 * [lambda pick, body: _overwritten(pick, body, b"")]),
    lambda pick, body: _overwritten(
        pick, body, pick.choice([b"\\u0000", b"\\ud800", b"\\n", b"\\x", b"\xe2\x82", b"\xed\xa0\x80"])
    ),
]


def _overwritten(pick: random.Random, body: bytes, by: bytes) -> bytes:
    at = _at(pick, body)
    return body[:at] + by + body[at + 1 :]
