"""Settings: one line that names the variable, the value and what is allowed."""

from __future__ import annotations

import pytest

from hedge_master.sample_market.blemish import Blemish
from hedge_master.settings import SettingsError, daily_schedule, load_settings


def test_everything_has_a_default_except_secrets_and_addresses_of_the_warehouse() -> None:
    settings = load_settings({})
    assert settings.uses_sample_market
    assert settings.alpha_vantage_url == "http://127.0.0.1:18000"
    with pytest.raises(SettingsError, match="HM_WAREHOUSE_READER_URL is not set"):
        settings.required("warehouse_reader_url")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        (
            "HM_SAMPLE_MARKET_DATE",
            "2020-13-01",
            'HM_SAMPLE_MARKET_DATE is "2020-13-01": not a date (YYYY-MM-DD, 1999-01-04 to 2023-09-21)',
        ),
        ("HM_SAMPLE_MARKET_DATE", "2030-01-01", "not a date (YYYY-MM-DD, 1999-01-04 to 2023-09-21)"),
        ("HM_KAFKA_PORT", "80", 'HM_KAFKA_PORT is "80": Input should be greater than or equal to 1024'),
        ("HM_DAILY_SCHEDULE_TIME", "25:00", 'HM_DAILY_SCHEDULE_TIME is "25:00": not a time of day (HH:MM)'),
        ("HM_DAILY_SCHEDULE_TIMEZONE", "Mars", 'HM_DAILY_SCHEDULE_TIMEZONE is "Mars": not a time zone'),
        (
            "HM_SAMPLE_MARKET_BLEMISHES",
            "correction,rain",
            'HM_SAMPLE_MARKET_BLEMISHES is "correction,rain": neither all, none, nor names with commas between of: '
            "holiday_zeros, correction, missing_day, half_finished_bar, delisting, ipo, ticker_reuse, reverse_split, "
            "no_ecb_rate, earnings_moves, minor_units",
        ),
        ("HM_ALPHA_VANTAGE_BASE_URL", "alpha", 'HM_ALPHA_VANTAGE_BASE_URL is "alpha": not an address'),
        ("HM_ALERT_EMAIL_TO", "ops@example.com,desk", '"desk" is no mail address; several have commas between'),
        ("HM_ALERT_LATE_SESSIONS", "-1", 'HM_ALERT_LATE_SESSIONS is "-1": Input should be greater than or equal to 0'),
        ("HM_SMTP_URL", "mail.example.com", "HM_SMTP_URL is (hidden): not a mail server (smtp|smtp+starttls|smtps://"),
        ("HM_ALERT_WEBHOOK_URL", "chat", "HM_ALERT_WEBHOOK_URL is (hidden): not an address (http://HOST"),
        ("HM_ALERT_EMAIL_TO", "ops@example.com", "HM_SMTP_URL is not set: HM_ALERT_EMAIL_TO names who gets mail"),
        ("HM_KAFKA_PROT", "1", "HM_KAFKA_PROT is no setting of Hedge Master"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(name: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings({name: value})
    assert complaint in str(error.value)


def test_blemishes_are_all_on_unless_named() -> None:
    assert load_settings({}).sample_market_blemishes == frozenset(Blemish)
    assert load_settings({"HM_SAMPLE_MARKET_BLEMISHES": "none"}).sample_market_blemishes == frozenset()
    chosen = load_settings({"HM_SAMPLE_MARKET_BLEMISHES": "correction, ipo"})
    assert chosen.sample_market_blemishes == {Blemish.CORRECTION, Blemish.IPO}


def test_a_wrong_address_does_not_show_its_password() -> None:
    for name in ("HM_WAREHOUSE_URL", "HM_SMTP_URL", "HM_ALERT_WEBHOOK_URL"):
        with pytest.raises(SettingsError) as error:
            load_settings({name: "mysql://me:hunter2@host/db"})
        assert name in str(error.value)
        assert "hunter2" not in str(error.value)


def test_a_real_api_needs_a_key_and_is_asked_as_a_free_plan_may() -> None:
    with pytest.raises(SettingsError, match="HM_ALPHA_VANTAGE_API_KEY is not set"):
        load_settings({"HM_ALPHA_VANTAGE_BASE_URL": "https://www.example.org"})
    settings = load_settings({"HM_ALPHA_VANTAGE_BASE_URL": "https://www.example.org", "HM_ALPHA_VANTAGE_API_KEY": "k"})
    assert settings.request_limits == (1, 0, 25)


def test_a_key_is_not_shown_by_printing_the_settings() -> None:
    assert "hunter2" not in repr(load_settings({"HM_ALPHA_VANTAGE_API_KEY": "hunter2"}))


def test_the_daily_run_is_at_22_25_as_in_2020() -> None:
    cron, zone = daily_schedule(load_settings({}))
    assert (cron, zone.key) == ("25 22 * * *", "Etc/UTC")
