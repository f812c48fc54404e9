"""Fuzzed answers: the stream and a second opinion in plain Python agree on every row. `make fuzz`: 100,000 of them."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import islice

import pyarrow
import pytest
from odd_answers import HEADERS, Answers, Sent
from price_rules import Verdict, one_mark, verdicts
from pyspark.sql import SparkSession

import price_messages

pytestmark = pytest.mark.spark

SEED = int(os.environ.get("FUZZ_SEED", "6"))
MESSAGES = int(os.environ.get("FUZZ_MESSAGES", "3000"))
AT_A_TIME = 5000
REASONS = {
    *("message_without_headers", "unparsable_json", "notice", "no_series", "another_symbol", "impossible_date"),
    *("date_in_the_future", "duplicate_date", "missing_or_not_a_number", "price_not_positive"),
    *("price_out_of_scale", "high_below_low", "outside_range", "negative_volume"),
}


def test_every_row_is_judged_as_plain_python_judges_it(spark: SparkSession) -> None:
    by_reason: Counter[str | None] = Counter()
    answers = Answers(SEED).sent(MESSAGES)
    while batch := list(islice(answers, AT_A_TIME)):
        expected = [sorted(verdicts(*each), key=repr) for each in batch]
        found = judged(spark, batch)
        differing = [at for at, rows in enumerate(expected) if rows != found[at]]
        assert not differing, told(batch, expected, found, differing)
        by_reason.update(row.reason for rows in expected for row in rows)
    print(by_reason.most_common())
    assert set(by_reason) == REASONS | {None}
    assert 0.2 < by_reason[None] / by_reason.total() < 0.6


GOOD = '{"1. open": "10", "2. high": "12", "3. low": "9", "4. close": "11", "5. volume": "7"}'
ANSWER = '{"Meta Data": {"2. Symbol": "AAA"}, "Time Series (Daily)": {"2020-06-11": %s, "2020-06-12": %s}}'


SPOILT: dict[str, tuple[str, list[str | None]]] = {
    "nothing": (ANSWER % (GOOD, GOOD), [None, None]),
    "a number of Java": (ANSWER % (GOOD.replace("10", "10d"), GOOD), ["missing_or_not_a_number", None]),
    "a hexadecimal number": (ANSWER % (GOOD.replace("10", "0x1.4p3"), GOOD), ["missing_or_not_a_number", None]),
    "blanks": (ANSWER % (GOOD, GOOD.replace('"7"', '" 7 "')), [None, "missing_or_not_a_number"]),
    "a date's end of line": ((ANSWER % (GOOD, GOOD)).replace("-12", "-12\\n"), [None, "impossible_date"]),
    "a bar that is a text": (ANSWER % ('"closed"', GOOD), ["missing_or_not_a_number", None]),
    "a bar that is a list": (ANSWER % (GOOD, f"[{GOOD}]"), [None, "missing_or_not_a_number"]),
    "two answers in one": (ANSWER % (GOOD, GOOD) * 2, ["unparsable_json"]),
    "a page behind the answer": (ANSWER % (GOOD, GOOD) + "<html>", ["unparsable_json"]),
    "a text without its end": ((ANSWER % (GOOD, GOOD)).replace('11"', "11\t", 1), ["unparsable_json"]),
    "single quotes": ((ANSWER % (GOOD, GOOD)).replace('"', "'"), ["unparsable_json"]),
    "more than a double holds in dollars": (ANSWER % (GOOD.replace("12", "1e308"), GOOD), ["price_out_of_scale", None]),
}


def test_what_spark_alone_would_let_pass_or_lose(spark: SparkSession) -> None:
    headers = [(name, text.encode()) for name, text in HEADERS.items()]
    found = judged(spark, [Sent(body.encode(), headers, b"AAA") for body, _ in SPOILT.values()])
    reasons = {what: [row.reason for row in found[at]] for at, what in enumerate(SPOILT)}
    assert reasons == {what: expected for what, (_, expected) in SPOILT.items()}


def judged(spark: SparkSession, batch: Sequence[Sent]) -> dict[int, list[Verdict]]:
    """The job's verdicts by the message's place in the batch."""
    kafka = spark.createDataFrame(table(batch))
    rows = price_messages.validated(price_messages.bars(price_messages.messages(kafka)))
    wanted = rows.select("kafka_offset", "day_text", "reason", *price_messages.PRICES, "volume")
    found = defaultdict(list)
    for at, day, reason, *bar in zip(*wanted.toArrow().to_pydict().values(), strict=True):
        found[at].append(Verdict(None if day is None else one_mark(day), reason, None if reason else tuple(bar)))
    return {at: sorted(verdicts, key=repr) for at, verdicts in found.items()}


def table(batch: Sequence[Sent]) -> pyarrow.Table:
    """The messages as Kafka's connector hands them over."""
    header = pyarrow.struct([("key", pyarrow.string()), ("value", pyarrow.binary())])
    columns = {
        "key": pyarrow.array([each.key for each in batch], pyarrow.binary()),
        "value": pyarrow.array([each.value for each in batch], pyarrow.binary()),
        "partition": pyarrow.array([0] * len(batch), pyarrow.int32()),
        "offset": pyarrow.array(range(len(batch)), pyarrow.int64()),
        "headers": pyarrow.array(
            [[{"key": name, "value": text} for name, text in each.headers] for each in batch], pyarrow.list_(header)
        ),
    }
    return pyarrow.table(columns)


def told(
    batch: Sequence[Sent], expected: Sequence[list[Verdict]], found: dict[int, list[Verdict]], differing: list[int]
) -> str:
    """The shortest message among those that are judged differently."""
    at = min(differing, key=lambda each: len(batch[each].value or b""))
    rows = [
        f"{one} but the stream says {other}"
        for one, other in zip(expected[at], found[at], strict=False)
        if one != other
    ]
    return (
        f"{len(differing)} of {len(batch)} differ: {batch[at].headers} {(batch[at].value or b'')[:2000]!r}: {rows[:3]}"
    )
