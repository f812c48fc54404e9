"""Every recorded notice becomes its own error, each with what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hedge_master.alpha_vantage import errors

MEANINGS = {
    "information_daily_cap_2024": errors.DailyLimitReached,
    "information_daily_cap_with_key_2025": errors.DailyLimitReached,
    "information_burst_2025": errors.TooFast,
    "information_premium_endpoint": errors.PremiumOnly,
    "information_outputsize_full_premium": errors.PremiumOnly,
    "information_demo_key": errors.KeyRefused,
    "note_legacy_5_per_minute": errors.TooFast,
    "error_invalid_symbol_or_call": errors.UnknownSymbol,
    "error_apikey": errors.KeyRefused,
    "premium_realtime_fake_rows": errors.PremiumOnly,
}
NO_NOTICE = {"empty_object", "global_quote_unknown", "search_no_match"}


def test_each_recorded_shape_has_its_meaning(shared: Path) -> None:
    shapes = json.loads((shared / "alpha_vantage" / "error-shapes.json").read_text())
    shapes.pop("_note")
    assert shapes.keys() == MEANINGS.keys() | NO_NOTICE
    for name, shape in shapes.items():
        notice = errors.notice_in(json.dumps(shape).encode())
        if name in NO_NOTICE:
            assert notice is None, name
        else:
            assert type(notice) is MEANINGS[name], name


def test_no_recorded_payload_is_taken_for_a_notice(shared: Path) -> None:
    payloads = [path for path in (shared / "alpha_vantage" / "payloads").iterdir() if "fake" not in path.name]
    assert len(payloads) >= 10
    for path in payloads:
        assert errors.notice_in(path.read_bytes()) is None, path.name


@pytest.mark.parametrize("body", [b'{"Meta Data": {"1. Inf', b'{"Information": "We moved to another planet."}'])
def test_what_nobody_knows_is_unreadable_and_worth_another_try(body: bytes) -> None:
    notice = errors.notice_in(body)
    assert isinstance(notice, errors.UnreadableAnswer)
    assert notice.retry
