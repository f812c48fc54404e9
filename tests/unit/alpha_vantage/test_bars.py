"""How far a series reaches, read off its text. The recorded answers: test_recorded_answers.py."""

from __future__ import annotations

import json
from datetime import date, timedelta
from time import thread_time

from hedge_master.alpha_vantage.bars import bars_in, first_and_last_bar

HEAD = '{"Meta Data": {"2. Symbol": "A", "3. Last Refreshed": "2023-07-03"}, "Time Series (Daily)": {'
BAR = '"%s": {"1. open": "1.0", "2. high": "1.0", "3. low": "1.0", "4. close": "1.0", "5. volume": "7"}'


def series(*days: str) -> bytes:
    return (HEAD + ", ".join(BAR % day for day in days) + "}}").encode()


def test_a_series_without_bars_reaches_nowhere() -> None:
    assert first_and_last_bar(series()) is None
    assert bars_in(series()) == 0


def test_what_is_no_series_reaches_nowhere() -> None:
    assert first_and_last_bar(b"{}") is None
    assert bars_in(b"{}") == 0


def test_one_bar_is_the_first_and_the_last() -> None:
    assert first_and_last_bar(series("2023-07-03")) == (date(2023, 7, 3), date(2023, 7, 3))
    assert bars_in(series("2023-07-03")) == 1


def test_twenty_five_years_cost_next_to_nothing() -> None:
    """Each of thousands of full answers is read so: 6,300 bars in a tenth of the time that parsing them takes."""
    days = [(date(2023, 7, 3) - timedelta(days=day)).isoformat() for day in range(6300)]
    body = series(*days)
    began = thread_time()
    reached, count = first_and_last_bar(body), bars_in(body)
    read = thread_time()
    json.loads(body)
    assert (read - began) * 10 < thread_time() - read
    assert reached == (date(2006, 4, 4), date(2023, 7, 3))
    assert count == 6300


def test_a_day_that_no_calendar_has_is_passed_over() -> None:
    """Its bar is rejected by the stream; the answer itself is as good as any."""
    body = series("2023-02-30", "2023-02-28", "2023-02-27", "2023-02-00")
    assert first_and_last_bar(body) == (date(2023, 2, 27), date(2023, 2, 28))
    assert first_and_last_bar(series("2023-02-30")) is None
