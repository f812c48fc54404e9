"""Superset's settings. Every address and secret comes from the environment, none has a default.

Superset loads this file by SUPERSET_CONFIG_PATH; bootstrap.py imports it first, because that takes a fraction of a
second and a missing variable is then one clear line. docs/superset.md lists the variables.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateRuntimeError
from redis import Redis

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.engine.url import URL


class MissingSetting(RuntimeError):
    """A variable that Superset cannot start without is absent or empty."""


def required(name: str) -> str:
    """The value of an environment variable; raises `MissingSetting` with its name where there is none."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise MissingSetting(f"{name} is not set: Superset does not start without it (see docs/superset.md)")
    return value


SECRET_KEY = required("SUPERSET_SECRET_KEY")
SQLALCHEMY_DATABASE_URI = required("SUPERSET_DATABASE_URI")
REDIS_URL = required("SUPERSET_REDIS_URL").rstrip("/")
DATA_DIR = required("SUPERSET_HOME")

WAREHOUSE_VARIABLES = tuple(f"SUPERSET_WAREHOUSE_{part}" for part in ("HOST", "PORT", "DATABASE", "USER"))
WAREHOUSE = {name: required(name) for name in WAREHOUSE_VARIABLES}
WAREHOUSE_PASSWORD = required("SUPERSET_WAREHOUSE_PASSWORD")

# One stack is reached over plain http on 127.0.0.1. Behind a proxy that speaks https this is "1": cookies then travel
# over https only, and the client's address (for the log-in limit) is the one that the proxy reports.
BEHIND_TLS_PROXY = os.environ.get("SUPERSET_BEHIND_TLS_PROXY", "") == "1"

SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 10}


# --- the warehouse's password stays out of the bundle and out of the metadata database -------------------------------


def warehouse_password(url: URL) -> str | None:
    """The reader's password for exactly the warehouse's address; None for any other address, whoever registered it."""
    address = (url.host, str(url.port), url.database, url.username)
    return WAREHOUSE_PASSWORD if address == tuple(WAREHOUSE.values()) else None


SQLALCHEMY_CUSTOM_PASSWORD_STORE = warehouse_password


# --- sessions and caches ---------------------------------------------------------------------------------------------


def redis_cache(prefix: str, lifetime: timedelta) -> dict[str, Any]:
    return {
        "CACHE_TYPE": "RedisCache",
        "CACHE_REDIS_URL": REDIS_URL,
        "CACHE_KEY_PREFIX": f"superset:{prefix}:",
        "CACHE_DEFAULT_TIMEOUT": int(lifetime.total_seconds()),
    }


# Query results are not cached: the ranking is built to answer any look-back in under 150 ms, and a cached answer would
# show yesterday's ranking after a new build. A key with the market date would not help: a correction of old prices
# rebuilds the marts without moving the market date.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
CACHE_CONFIG = redis_cache("metadata", timedelta(minutes=5))
FILTER_STATE_CACHE_CONFIG = redis_cache("filter", timedelta(days=90))
EXPLORE_FORM_DATA_CACHE_CONFIG = redis_cache("explore", timedelta(days=7))
THUMBNAIL_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

# Sessions live on the server, so that a log-out or a disabled user ends them.
SESSION_SERVER_SIDE = True
SESSION_TYPE = "redis"
SESSION_REDIS = Redis.from_url(REDIS_URL)
SESSION_KEY_PREFIX = "superset:session:"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = BEHIND_TLS_PROXY
PERMANENT_SESSION_LIFETIME = timedelta(hours=12)
ENABLE_PROXY_FIX = BEHIND_TLS_PROXY


# --- who may come in -------------------------------------------------------------------------------------------------

# Superset's own default is 5 guesses a SECOND, and only where SUPERSET_ENV=production.
RATELIMIT_ENABLED = True
RATELIMIT_STORAGE_URI = REDIS_URL
RATELIMIT_APPLICATION = "100 per second"
AUTH_RATE_LIMITED = True
AUTH_RATE_LIMIT = "20 per minute"
AUTH_USER_REGISTRATION = False
PUBLIC_ROLE_LIKE = None
FAB_API_SWAGGER_UI = False
ENABLE_CORS = False  # Superset's default lets two map servers read its answers

# Embedding and asynchronous queries are off; their published default secrets are replaced all the same.
GUEST_TOKEN_JWT_SECRET = hmac.new(SECRET_KEY.encode(), b"guest token", hashlib.sha256).hexdigest()
GLOBAL_ASYNC_QUERIES_JWT_SECRET = hmac.new(SECRET_KEY.encode(), b"async queries", hashlib.sha256).hexdigest()

# "strict-dynamic" with a nonce lets Superset's own scripts load; nothing may come from, or be sent to, another host
# (Superset's default policy lets in map tiles, fonts and the pixel that counts installations).
TALISMAN_ENABLED = True
TALISMAN_CONFIG: dict[str, Any] = {
    "content_security_policy": {
        "default-src": ["'self'"],
        "base-uri": ["'self'"],
        "connect-src": ["'self'"],
        "font-src": ["'self'", "data:"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "img-src": ["'self'", "blob:", "data:"],
        "object-src": "'none'",
        "script-src": ["'self'", "'strict-dynamic'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "frame_options": "DENY",
    "force_https": False,
    "session_cookie_secure": BEHIND_TLS_PROXY,
}
THEME_FONT_URL_ALLOWED_DOMAINS: list[str] = []


def limit_log_ins(app: Flask) -> None:
    """Puts the log-in limit where the passwords arrive: the form (AuthDBView) and /api/v1/security/login (SecurityApi).

    AUTH_RATE_LIMIT by itself limits neither: Superset 6.1.0 puts it on the view that shows the form, not on the one
    that takes it, and nowhere on the other.
    """
    for name in ("AuthDBView", "SecurityApi"):
        app.appbuilder.sm.limiter.limit(AUTH_RATE_LIMIT, methods=["POST"])(app.blueprints[name])


FLASK_APP_MUTATOR = limit_log_ins


# --- what it does ----------------------------------------------------------------------------------------------------


def chosen(choices: Mapping[str, str], picked: Sequence[str], default: str) -> str:
    """The SQL text of the one value picked in a dashboard filter; for the datasets' Jinja.

    >>> chosen({"1 year": "1 year", "2 years": "2 years"}, ["2 years"], "1 year")
    '2 years'

    Only a value of `choices` ever reaches the SQL. A value that it does not hold raises, and the chart shows why:
    falling back would show one ranking under the name of another.
    """
    label = picked[0] if picked else default
    if len(picked) > 1 or label not in choices:
        raise TemplateRuntimeError(f"{', '.join(map(repr, picked))}: pick one of {', '.join(choices)}")
    return choices[label]


def refused(column: str, operator: str) -> str:
    """Raises, and the chart shows why: a filter that the SQL does not know must not be left out without a word."""
    raise TemplateRuntimeError(f"{column} {operator}: the ranking knows IN and IS NULL only")


JINJA_CONTEXT_ADDONS = {"chosen": chosen, "refused": refused}
FEATURE_FLAGS = {"ENABLE_TEMPLATE_PROCESSING": True}

# The ranking table shows and exports all the symbols there are (80,000 at full size), never a silent first part.
ROW_LIMIT = 100_000
SQL_MAX_ROW = 100_000
TABLE_VIZ_MAX_ROW_SERVER = 100_000

APP_NAME = "Hedge Master"
SUPERSET_WEBSERVER_TIMEOUT = 60
CELERY_CONFIG = None
