"""What the stream makes of an answer: from a message of Kafka's to the rows of staging, in Spark's own expressions.

`messages` -> `bars` -> `validated` -> `staged`: pure functions of data frames, for every job that judges bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache

import pyarrow
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from hedge_master.ingestion.topics import SYMBOL_CHARACTERS

REJECTED_MESSAGE_CHARACTERS = 8192
REJECTED_DAY_CHARACTERS = 64  # a date has 10; what stands in its place goes into an index, which has no room for a page

FIELDS = {"open": "1. open", "high": "2. high", "low": "3. low", "close": "4. close", "volume": "5. volume"}
PRICES = ("open", "high", "low", "close")
NOTICES = ("Information", "Note", "Error Message")
META_DATA = T.StructType([T.StructField("2. Symbol", T.StringType())])
BAR = T.StructType([T.StructField(name, T.StringType()) for name in FIELDS.values()])
# What lies before is a program's idea of no date, and tables of weeks would begin there.
EARLIEST_DAY = date(1900, 1, 1)
# Beyond these no currency has a price, and the square or the dollar value of one may leave a double.
SMALLEST_PRICE, LARGEST_PRICE = 1e-9, 1e12
DAY_CHARACTERS = len("2020-06-12")
NUMBERS = r"\A[-+.0-9eE]*\z"
PAYLOAD = T.StructType(
    [
        T.StructField("Meta Data", META_DATA),
        T.StructField("Time Series (Daily)", T.MapType(T.StringType(), BAR)),
    ]
)
# The same, with all that may be of another type than it should as the JSON text that it is.
MEMBERS = T.StructType([T.StructField(name, T.StringType()) for name in ("Meta Data", "Time Series (Daily)", *NOTICES)])
BARS_AS_TEXT = "map<string, string>"
AS_WRITTEN = {"allowSingleQuotes": "false"}  # Spark reads more than JSON unless told not to
# What is said of a message, in the first of its rows, and of a refused row, is one column of JSON each: nearly all rows
# have neither, and each empty column costs them a few bytes and calls on the way through Arrow and COPY.
HEAD = ("bytes", "payload_hash", "known_rows", "symbol", "requested_at", "market_time", "market_date")
# What each row has of its message, from the message to the bar.
OF_THE_MESSAGE = ("partition", "kafka_offset", *HEAD, "body", "is_json", "is_notice", "payload_symbol")
TO_THE_MICROSECOND = {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"}
# The order and types of the staging tables' columns.
STAGED = T.StructType(
    [
        T.StructField("partition", T.IntegerType()),
        T.StructField("kafka_offset", T.LongType()),
        T.StructField("head", T.StringType()),
        T.StructField("day", T.DateType()),
        *[T.StructField(price, T.DoubleType()) for price in PRICES],
        T.StructField("volume", T.LongType()),
        T.StructField("refused", T.StringType()),
    ]
)
KNOWN = "symbol string, payload_hash binary, known_rows int"
Known = Sequence[tuple[str, bytes, int]]


def messages(kafka: DataFrame, known: Known = ()) -> DataFrame:
    """One row a message: partition, kafka_offset, bytes, payload_hash (SHA-256 of the value), symbol, requested_at,
    market_time, market_date (from the headers), body (text), and known_rows.

    `known`: symbol, hash and rows of the payloads that need not be read again; their body is null, and known_rows says
    how many rows they have. It is null for all others.
    """
    read = kafka.select(*_message_columns())
    if known:
        told = kafka.sparkSession.createDataFrame(_known_table(known), KNOWN)
        read = read.join(F.broadcast(told), ["symbol", "payload_hash"], "left")
    else:
        read = read.withColumn("known_rows", F.lit(None).cast("int"))
    return read.select("*", _unknown_body()).drop("value")


# What does not depend on the batch is made once: an expression is a few calls from Python into the JVM, and a batch has
# hundreds of them, which took longer than to read and hash 100 MB.
@cache
def _message_columns() -> tuple[Column, ...]:
    def header(name: str) -> Column:
        # get() gives null for a header that is missing; [0] would raise.
        return F.expr(f"cast(get(filter(headers, each -> each.key = '{name}'), 0).value as string)")

    symbol = F.substring(_storable(F.coalesce(header("symbol"), F.col("key").cast("string"))), 1, SYMBOL_CHARACTERS)
    return (
        F.col("partition"),
        F.col("offset").alias("kafka_offset"),
        F.coalesce(F.octet_length("value"), F.lit(0)).alias("bytes"),
        F.unhex(F.sha2("value", 256)).alias("payload_hash"),
        symbol.alias("symbol"),
        _in_calendar(F.try_to_timestamp(header("requested_at"))).alias("requested_at"),
        _in_calendar(F.try_to_timestamp(header("market_time"))).alias("market_time"),
        _in_calendar(header("market_date").try_cast("date")).alias("market_date"),
        F.col("value"),
    )


@cache
def _unknown_body() -> Column:
    return F.when(F.col("known_rows").isNull(), F.col("value").cast("string")).alias("body")


def _known_table(known: Known) -> pyarrow.Table:
    symbols, digests, rows = zip(*known, strict=True)
    columns = {
        "symbol": pyarrow.array(symbols, pyarrow.string()),
        "payload_hash": pyarrow.array(digests, pyarrow.binary()),
        "known_rows": pyarrow.array(rows, pyarrow.int32()),
    }
    return pyarrow.table(columns)


def bars(read: DataFrame) -> DataFrame:
    """One row a message and trading day, all fields as text; a message without a series gives one row without a day.

    Columns: those of `messages`, with `body` only where there is no series; `is_head` (the first row of its message),
    is_json, is_notice (of such a body), payload_symbol, day_text, open_text .. volume_text, bar (the fields as
    delivered), day_repeats (the payload names the day twice).
    """
    # Else Spark reads on behind an error of syntax inside a bar, and makes a bar of what is left.
    read.sparkSession.conf.set("spark.sql.json.enablePartialResults", "false")
    read.sparkSession.conf.set("spark.sql.mapKeyDedupPolicy", "LAST_WIN")
    one_a_message = read.select("*", _listed_body()).select(*_message_columns_with_series())
    one_a_bar = one_a_message.select("*", _repeated_days()).select(*_exploded())
    # From here on a row is a bar: no lambda function any more, which would break Spark's generated code in two.
    return one_a_bar.select(*_bar_columns())


@cache
def _listed_body() -> Column:
    return _listed("body", PAYLOAD).alias("listed")


@cache
def _message_columns_with_series() -> tuple[Column, ...]:
    answer = _first(F.col("listed"))
    series = answer["Time Series (Daily)"]
    is_good = F.coalesce(F.size(series) > 0, F.lit(False))
    # Only where no series comes of that is the body read again, each member as the text that it is: what is of another
    # type than it should be then costs itself alone, not the whole answer.
    members = _first(_listed("body", MEMBERS))
    bar_by_bar = F.transform_values(
        F.from_json(members["Time Series (Daily)"], BARS_AS_TEXT, AS_WRITTEN),
        lambda _, bar: F.from_json(bar, BAR, AS_WRITTEN),
    )
    symbol = F.from_json(members["Meta Data"], META_DATA, AS_WRITTEN)["2. Symbol"]
    days = F.map_keys(F.when(is_good, series).otherwise(bar_by_bar))
    # Settled once a message, below the explosion: what stands above it is worked out once a bar.
    return (
        *[F.col(column) for column in ("partition", "kafka_offset", *HEAD)],
        F.when(~is_good & ~F.coalesce(F.size(bar_by_bar) > 0, F.lit(False)), F.col("body")).alias("body"),
        F.when(~is_good, F.coalesce(_is_whole(_listed("body", T.StringType())), F.lit(False))).alias("is_json"),
        F.when(~is_good, F.coalesce(*[members[name] for name in NOTICES]).isNotNull()).alias("is_notice"),
        F.when(is_good, answer["Meta Data"]["2. Symbol"]).otherwise(symbol).alias("payload_symbol"),
        # Only for the rare payload that names a day twice; null elsewhere, so that it costs nothing to carry.
        F.when(F.size(F.map_from_arrays(days, days)) < F.size(days), F.sort_array(days)).alias("sorted_days"),
        F.when(is_good, series).alias("series"),
        F.when(~is_good, bar_by_bar).alias("series_bar_by_bar"),
    )


@cache
def _repeated_days() -> Column:
    repeated = F.filter("sorted_days", lambda day, at: day == F.get("sorted_days", at + 1))
    return F.array_distinct(repeated).alias("repeated_days")


@cache
def _exploded() -> tuple[Column, ...]:
    # From the last to the first, which is the oldest: so stored, the index of prices stays dense without a sort.
    bars_of_message = F.reverse(F.map_entries(F.coalesce("series", "series_bar_by_bar")))
    return (
        *map(F.col, OF_THE_MESSAGE),
        F.col("repeated_days"),
        F.posexplode_outer(bars_of_message).alias("at", "entry"),
    )


@cache
def _bar_columns() -> tuple[Column, ...]:
    return (
        *map(F.col, OF_THE_MESSAGE),
        F.col("entry.key").alias("day_text"),
        F.col("entry.value").alias("bar"),
        (F.coalesce("at", F.lit(0)) == 0).alias("is_head"),
        F.array_contains("repeated_days", F.col("day_text")).alias("day_repeats"),
        *[F.col(f"entry.value.`{name}`").alias(f"{column}_text") for column, name in FIELDS.items()],
    )


def _listed(body: str, element: T.DataType) -> Column:
    """The body's value as the first of a list of two, whose second is null: if not, the body is no JSON or has no end.

    Spark is content with the begin of a text, whatever follows the first value; a list must be whole to its end.
    """
    listed = F.concat(F.lit("["), F.col(body), F.lit(",null]"))
    return F.from_json(listed, T.ArrayType(element), AS_WRITTEN)


def _is_whole(listed: Column) -> Column:
    return (F.size(listed) == 2) & F.get(listed, F.lit(1)).isNull()


def _first(listed: Column) -> Column:
    return F.when(_is_whole(listed), F.get(listed, F.lit(0)))


def validated(rows: DataFrame) -> DataFrame:
    """Adds day, open .. close (double), volume (long) and `reason`: null where the bar is possible, else the first
    rule that it breaks. Only impossible data is refused; doubtful data passes.

    - A body is one JSON value, whole, with nothing behind it, at most 999 levels deep. NaN and Infinity may stand in it
      without quotes, as some libraries write them: they cost their bar. Bytes that are no UTF-8 read as U+FFFD.
    - Of a member that stands twice, the last counts, as for most readers of JSON; a day that stands twice is refused,
      since its bars are two rows.
    - A date has four, two and two digits, is in the calendar and not before EARLIEST_DAY.
    - A number is written with the digits 0 to 9, a sign, a point and an exponent (a volume: without the last two), in
      quotes or bare. Java would also take "1.0d", "0x1p3" and " 12 ". A bare number has at most 1,000 characters.
    """
    return rows.select("*", *_typed_columns()).select("*", _reason())


@cache
def _typed_columns() -> tuple[Column, ...]:
    day = F.col("day_text").try_cast("date")
    # Spark takes "2020-6-12T" and "2020-06-12\n" for dates too. To look at these characters is cheaper than to write
    # the date anew and compare, or a regular expression.
    has_shape = (
        (F.octet_length("day_text") == DAY_CHARACTERS)
        & (F.substring("day_text", 5, 1) == "-")
        & (F.substring("day_text", 8, 1) == "-")
        & F.substring("day_text", DAY_CHARACTERS, 1).between("0", "9")
    )
    return (
        F.when(has_shape, day).alias("day"),
        *[F.col(f"{column}_text").try_cast("double").alias(column) for column in PRICES],
        F.col("volume_text").try_cast("long").alias("volume"),
    )


@cache
def _reason() -> Column:
    finite = F.lit(True)
    for column in PRICES:
        finite = finite & F.col(column).isNotNull() & ~F.isnan(column) & (F.abs(column) != float("inf"))
    texts = F.concat(*[f"{column}_text" for column in FIELDS])
    rules = (
        (
            "message_without_headers",
            F.col("requested_at").isNull() | F.col("market_date").isNull() | F.col("symbol").isNull(),
        ),
        ("unparsable_json", F.col("day_text").isNull() & ~F.col("is_json")),
        ("notice", F.col("day_text").isNull() & F.col("is_notice")),
        ("no_series", F.col("day_text").isNull()),
        ("another_symbol", ~F.col("payload_symbol").eqNullSafe(F.col("symbol"))),
        ("impossible_date", F.col("day").isNull() | (F.col("day") < EARLIEST_DAY)),
        ("date_in_the_future", F.col("day") > F.col("market_date")),
        ("duplicate_date", F.coalesce("day_repeats", F.lit(False))),
        ("missing_or_not_a_number", ~finite | F.col("volume").isNull() | ~texts.rlike(NUMBERS)),
        ("price_not_positive", F.least(*PRICES) <= 0),
        ("price_out_of_scale", (F.least(*PRICES) < SMALLEST_PRICE) | (F.greatest(*PRICES) > LARGEST_PRICE)),
        ("high_below_low", F.col("high") < F.col("low")),
        ("outside_range", (F.least("open", "close") < F.col("low")) | (F.greatest("open", "close") > F.col("high"))),
        ("negative_volume", F.col("volume") < 0),
    )
    reason = F.lit(None).cast("string")
    for name, broken in reversed(rules):
        reason = F.when(broken, F.lit(name)).otherwise(reason)
    return reason.alias("reason")


def staged(rows: DataFrame, own_json: Column | None = None) -> DataFrame:
    """The columns of the staging table, in its order; a refused row carries its own JSON, a message its first 8 KB.

    `own_json`: that text, where it is known already.
    """
    reason = F.when(F.col("known_rows").isNull(), F.col("reason"))
    raw = _own_json() if own_json is None else own_json
    refused = F.struct(reason.alias("reason"), _own_day(), raw.alias("raw"))
    return rows.select(
        "partition",
        "kafka_offset",
        _head(),
        # A refused day stands in `refused`: Spark's calendar reaches further than PostgreSQL's.
        F.when(reason.isNull(), F.col("day")).alias("day"),
        *PRICES,
        "volume",
        F.when(reason.isNotNull(), F.to_json(refused)).alias("refused"),
    ).to(STAGED)


@cache
def _head() -> Column:
    told = [F.hex("payload_hash").alias(name) if name == "payload_hash" else F.col(name) for name in HEAD]
    return F.when(F.col("is_head"), F.to_json(F.struct(*told), TO_THE_MICROSECOND)).alias("head")


@cache
def _own_day() -> Column:
    return F.substring(_storable(F.col("day_text")), 1, REJECTED_DAY_CHARACTERS).alias("day")


@cache
def _own_json() -> Column:
    return F.coalesce(F.substring(_storable(F.col("body")), 1, REJECTED_MESSAGE_CHARACTERS), F.to_json("bar"))


def _storable(text: Column) -> Column:
    """What PostgreSQL takes as text: UTF-8 without the character 0. Else one odd message would stop the stream."""
    return F.translate(F.make_valid_utf8(text), "\0", "\ufffd")


def _in_calendar(moment: Column) -> Column:
    """Null for a time that no message of ours has, and that PostgreSQL may not know."""
    return F.when(F.year(moment).between(EARLIEST_DAY.year, 9999), moment)
