"""The one reader of the environment: every HM_* variable, its default, its bounds.

Cheap and free of I/O, so that a DAG file may import it. `load_settings()` reads a mapping (the process environment
unless told otherwise) and raises `SettingsError`, whose text names the variable, the value and what is allowed.
The start script and `hm` put `.env` and the generated secrets into the environment before they call it
(see `hedge_master.local_stack.environment`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from hedge_master.sample_market.blemish import ALL_BLEMISHES, Blemishes, parse_blemishes
from hedge_master.sample_market.faults import NO_FAULTS, Faults, parse_faults

PREFIX = "HM_"
REPO_ROOT = Path(__file__).resolve().parents[2]
FIRST_MARKET_DATE = date(1999, 1, 4)
LAST_MARKET_DATE = date(2023, 9, 21)
SMTP_SCHEMES = ("smtp", "smtp+starttls", "smtps")


class SettingsError(ValueError):
    """A setting is missing or out of bounds; the text names it, its value and what is allowed."""


def _market_date(value: object) -> date:
    allowed = f"not a date (YYYY-MM-DD, {FIRST_MARKET_DATE} to {LAST_MARKET_DATE})"
    try:
        day = value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(allowed) from None
    if not FIRST_MARKET_DATE <= day <= LAST_MARKET_DATE:
        raise ValueError(allowed)
    return day


def _clock_time(value: object) -> time:
    try:
        return value if isinstance(value, time) else time.fromisoformat(str(value))
    except ValueError:
        raise ValueError("not a time of day (HH:MM)") from None


def _blemishes(value: object) -> Blemishes:
    return value if isinstance(value, frozenset) else parse_blemishes(str(value))


def _faults(value: object) -> Faults:
    return value if isinstance(value, Faults) else parse_faults(str(value))


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("not a time zone (such as Etc/UTC or America/New_York)")
    return value


def _http_url(value: str | None) -> str | None:
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address (http://HOST[:PORT] or https://HOST)")
    return value.rstrip("/")


def _postgres_url(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"postgresql", "postgres"} or not parts.hostname or not parts.path.strip("/"):
        raise ValueError("not a PostgreSQL address (postgresql://USER:PASSWORD@HOST:PORT/DATABASE)")
    return value


def _smtp_url(value: SecretStr | None) -> SecretStr | None:
    if value is None:
        return None
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in SMTP_SCHEMES or not parts.hostname:
        raise ValueError(f"not a mail server ({'|'.join(SMTP_SCHEMES)}://[USER:PASSWORD@]HOST[:PORT])")
    return value


def _webhook_url(value: SecretStr | None) -> SecretStr | None:
    _http_url(None if value is None else value.get_secret_value())
    return value


def _mail_addresses(value: str | None) -> str | None:
    for address in (value or "").split(",") if value else ():
        name, _, host = address.strip().partition("@")
        if not name or not host or any(character.isspace() for character in name + host):
            raise ValueError(f'"{address.strip()}" is no mail address; several have commas between')
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("empty")
    return value


MarketDate = Annotated[date, BeforeValidator(_market_date)]
Port = Annotated[int, Field(ge=1024, le=65535)]
HttpUrl = Annotated[str | None, AfterValidator(_http_url)]
PostgresUrl = Annotated[SecretStr | None, AfterValidator(_postgres_url)]
SmtpUrl = Annotated[SecretStr | None, AfterValidator(_smtp_url)]
WebhookUrl = Annotated[SecretStr | None, AfterValidator(_webhook_url)]
MailAddresses = Annotated[str | None, AfterValidator(_mail_addresses)]
Text = Annotated[str, AfterValidator(_not_empty)]


class Settings(BaseModel):
    """All settings; each field's variable is its name in capitals behind HM_."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    home: Path = Field(REPO_ROOT / ".hedge_master", description="folder of all data, logs and secrets of one stack")

    alpha_vantage_base_url: HttpUrl = Field(None, description="the API; the sample market server when empty")
    alpha_vantage_api_key: SecretStr | None = Field(None, description="the API key; generated for the sample market")
    alpha_vantage_requests_per_second: int | None = Field(None, ge=0, le=1000, description="0 = no limit")
    alpha_vantage_requests_per_minute: int | None = Field(None, ge=0, le=60_000, description="0 = no limit")
    alpha_vantage_requests_per_day: int | None = Field(None, ge=0, le=10_000_000, description="0 = no limit")
    symbol_search_keywords: Text = Field(
        "SIM,SIMX", description="keywords that sync_symbols searches for, with commas between; a full answer is refined"
    )

    ecb_rates_url: HttpUrl = Field(
        None,
        description="the ECB's zip of reference rates since 1999; with the sample market, its copy up to its clock",
    )
    ecb_daily_rates_url: HttpUrl = Field(
        None, description="the ECB's zip of its newest day's rates; with the sample market, its copy"
    )

    kafka_bootstrap_servers: str | None = Field(None, description="HOST:PORT[,...]; the local broker when empty")
    kafka_replication_factor: int = Field(1, ge=1, le=10, description="copies of each message; 3 in production")
    kafka_min_insync_replicas: int = Field(1, ge=1, le=10, description="copies that a write waits for; 2 in production")
    warehouse_url: PostgresUrl = Field(None, description="the warehouse as its owner; the local server when empty")
    warehouse_ingest_url: PostgresUrl = Field(None, description="the role that writes schema market")
    warehouse_dbt_url: PostgresUrl = Field(None, description="the role that builds the models")
    warehouse_reader_url: PostgresUrl = Field(None, description="the role that sees schema marts only")
    spark_master: Text = Field("local[*]", description="local[*] or spark://HOST:PORT")
    spark_jars: Path = Field(REPO_ROOT / ".build" / "jars" / "spark", description="folder of Spark's Kafka connector")
    spark_class_archive: Path = Field(
        REPO_ROOT / ".build" / "spark-classes.jsa",
        description="archive of Spark's classes (docs/decisions/0015), with which a job starts in half the time",
    )
    spark_driver_memory: Annotated[str, Field(pattern=r"^[1-9][0-9]*[mg]$")] = Field(
        "2g", description="memory of the Spark driver, such as 2g"
    )

    sample_market_symbols: int = Field(300, ge=0, le=100_000, description="how many simulated symbols exist")
    sample_market_seed: int = Field(2020, ge=0, le=2**31 - 1, description="the simulated world is a function of it")
    sample_market_date: MarketDate = Field(date(2020, 6, 12), description="where the market clock starts")
    sample_market_blemishes: Annotated[Blemishes, BeforeValidator(_blemishes)] = Field(
        ALL_BLEMISHES, description="what the simulated feed does as real ones do: all, none, or names with commas"
    )
    sample_market_faults: Annotated[Faults, BeforeValidator(_faults)] = Field(
        NO_FAULTS, description="how often the server fails, and how: none, or rate=0.2,seed=7,kinds=transient"
    )
    sample_market_requests_per_second: int = Field(0, ge=0, le=1000, description="the server's limit; 0 = none")
    sample_market_requests_per_minute: int = Field(0, ge=0, le=60_000, description="the server's limit; 0 = none")
    sample_market_requests_per_day: int = Field(0, ge=0, le=10_000_000, description="the server's limit; 0 = none")

    daily_schedule_time: Annotated[time, BeforeValidator(_clock_time)] = Field(
        time(22, 25), description="when produce_daily_prices starts"
    )
    daily_schedule_timezone: Annotated[str, AfterValidator(_zone)] = Field("Etc/UTC", description="and in which zone")

    alert_email_to: MailAddresses = Field(None, description="who gets alerts by mail, with commas between; empty: none")
    alert_email_from: Text = Field("hedge-master@localhost", description="the sender of these mails")
    smtp_url: SmtpUrl = Field(None, description="the mail server: smtp://, smtp+starttls:// or smtps://")
    alert_webhook_url: WebhookUrl = Field(None, description="address that gets alerts as JSON; empty: none")
    alert_late_sessions: int = Field(
        2, ge=0, le=60, description="the newest bar may be so many weekdays behind the market date; 0 = no alert"
    )
    alert_budget_percent: int = Field(
        10, ge=0, le=100, description="alert where less than this of the day's calls is left; 0 = no alert"
    )
    alert_rejected_percent: float = Field(
        1.0,
        ge=0,
        le=100,
        description="more of a batch is rejected, and twice the usual; 0 = no alert",
    )

    keep_calls_days: int = Field(
        180, ge=100, le=36_500, description="days that calls of the API are kept behind a newer one of the same kind"
    )
    keep_resolved_days: int = Field(
        400, ge=30, le=36_500, description="days that resolved or closed rejections are kept"
    )

    postgres_bin_dir: Path | None = Field(None, description="server programs to use; the PyPI wheel's when empty")
    postgres_port: Port = Field(15432)
    kafka_port: Port = Field(19092)
    kafka_controller_port: Port = Field(19093)
    redis_port: Port = Field(16379)
    sample_market_port: Port = Field(18000)
    airflow_port: Port = Field(18080)
    airflow_worker_log_port: Port = Field(18793)
    airflow_triggerer_log_port: Port = Field(18794)
    superset_port: Port = Field(18088)

    @property
    def uses_sample_market(self) -> bool:
        """True where the far end of the Alpha Vantage call is the local sample market server."""
        return self.alpha_vantage_base_url in (None, self.sample_market_url)

    @property
    def sample_market_url(self) -> str:
        return f"http://127.0.0.1:{self.sample_market_port}"

    @property
    def alpha_vantage_url(self) -> str:
        return self.alpha_vantage_base_url or self.sample_market_url

    @property
    def ecb_rates_address(self) -> str:
        """Where the European Central Bank's history is: the given place, the sample market's, the bank's own."""
        return self.ecb_rates_url or f"{self._bank}/stats/eurofxref/eurofxref-hist.zip"

    @property
    def ecb_daily_rates_address(self) -> str:
        """Where the bank's file of its newest day is, likewise."""
        return self.ecb_daily_rates_url or f"{self._bank}/stats/eurofxref/eurofxref.zip"

    @property
    def _bank(self) -> str:
        return self.sample_market_url if self.uses_sample_market else "https://www.ecb.europa.eu"

    @property
    def kafka_servers(self) -> str:
        return self.kafka_bootstrap_servers or f"127.0.0.1:{self.kafka_port}"

    @property
    def request_limits(self) -> tuple[int, int, int]:
        """Calls per second, minute and day that the client keeps to (0 = no limit).

        Without a word from the user the sample market is asked briskly and the real API as a free key may
        (1 a second, 25 a day), so that a forgotten setting never burns a budget.
        """
        free_plan = (1, 0, 25)
        brisk = (200, 0, 0)
        defaults = brisk if self.uses_sample_market else free_plan
        given = (
            self.alpha_vantage_requests_per_second,
            self.alpha_vantage_requests_per_minute,
            self.alpha_vantage_requests_per_day,
        )
        if all(value is None for value in given):
            return defaults
        return tuple(0 if value is None else value for value in given)  # type: ignore[return-value]

    def required(self, field: str) -> str:
        """The value of a setting that has no default (a secret or an address), as text; SettingsError when unset."""
        value = getattr(self, field)
        if value is None:
            raise SettingsError(f"{variable(field)} is not set: set it, or start the local stack with `make demo`")
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def variable(field: str) -> str:
    """The environment variable of a field: `kafka_port` -> `HM_KAFKA_PORT`."""
    return PREFIX + field.upper()


def _complaint(error: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    field = str(error["loc"][0])
    name = variable(field)
    secret = field.endswith(("_key", "_url")) and field != "alpha_vantage_base_url"
    shown = "(hidden)" if secret else f'"{environ.get(name, "")}"'
    return f"{name} is {shown}: {str(error['msg']).removeprefix('Value error, ')}"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (default: the process environment). An empty variable counts as unset.

    Raises SettingsError: one line for each variable that is wrong, and for each unknown HM_ variable.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value != ""}
    known = {variable(field): field for field in Settings.model_fields}
    values = {known[name]: value for name, value in given.items() if name in known}
    complaints = [
        f"{name} is no setting of Hedge Master; .env.example lists them all"
        for name in sorted(given.keys() - known.keys())
        if not name.startswith("HM_SECRET_")
    ]
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        complaints += [_complaint(dict(each), environ) for each in error.errors()]
        raise SettingsError("\n".join(complaints)) from None
    if complaints:
        raise SettingsError("\n".join(complaints))
    if not settings.uses_sample_market and settings.alpha_vantage_api_key is None:
        raise SettingsError("HM_ALPHA_VANTAGE_API_KEY is not set: HM_ALPHA_VANTAGE_BASE_URL names a real API")
    if settings.alert_email_to is not None and settings.smtp_url is None:
        raise SettingsError("HM_SMTP_URL is not set: HM_ALERT_EMAIL_TO names who gets mail")
    return settings


def dbt_manifest(settings: Settings) -> Path:
    """The list of dbt's models that the DAG build_volatility is drawn from; made at the stack's start."""
    return settings.home / "dbt" / "manifest.json"


def daily_schedule(settings: Settings) -> tuple[str, ZoneInfo]:
    """Cron expression and zone of the daily run."""
    at = settings.daily_schedule_time
    return f"{at.minute} {at.hour} * * *", ZoneInfo(settings.daily_schedule_timezone)
