"""Every setting, read once from the environment. `.env.example` lists and explains each variable.

A variable NAME may also be given as NAME_FILE, the path of a file that holds its value (container secrets).
Where nothing is set, `.env` is read, then `.local/env`, which `make up` writes for its own servers.
"""

from __future__ import annotations

import os
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()


def _read_env_files() -> None:
    dotenv = BASE_DIR / env.str("ENV_FILE", ".env")
    if dotenv.is_file():
        env.read_env(dotenv)
    local = BASE_DIR / ".local" / "env"
    if not {"DATABASE_URL", "DATABASE_URL_FILE"} & os.environ.keys() and local.is_file():
        env.read_env(local)


def _required(name: str, meaning: str) -> str:
    value = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set: {meaning}. Start `make up` (it writes .local/env), run the command through "
            f'`make run CMD="…"`, or set {name} or {name}_FILE; see .env.example.'
        )
    return value


_read_env_files()

# --- Core ---------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = _required("SECRET_KEY", "it signs sessions and links")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", "http://localhost:8000").rstrip("/")
ADMIN_PATH = env.str("ADMIN_PATH", "admin/").strip("/") + "/"
ROOT_URLCONF = "agency.urls"
WSGI_APPLICATION = "agency.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_NAME = env.str("SITE_NAME", "Agency")

INSTALLED_APPS = [
    "agency",
    "tasks",
    "webhooks",
    "reports",
    "agency.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "corsheaders",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_celery_beat",
]

MIDDLEWARE = [
    "agency.api.request_ids.RequestIdMiddleware",
    "agency.traced.TracedRequests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "agency.console.sessions.SessionLimits",
    "agency.console.zones.ReadersZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
# What providers post to passes only these (agency/wsgi.py).
MACHINE_PATHS = ("/webhooks/inbound/",)
MACHINE_MIDDLEWARE = [
    "agency.api.request_ids.RequestIdMiddleware",
    "agency.traced.TracedRequests",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agency.console.navigation.context",
            ],
        },
    },
]

# --- Database: the only truth -------------------------------------------------------------------------------------
_required("DATABASE_URL", "PostgreSQL is where everything is kept")
DATABASES: dict[str, dict[str, Any]] = {"default": env.db("DATABASE_URL")}
# Each process keeps a pool: a thread borrows a connection for a statement or a transaction and gives it back, so that
# a hundred attempts that wait for the network hold none.
DATABASES["default"].update(
    ENGINE="agency.postgresql",
    CONN_MAX_AGE=0,
    CONN_HEALTH_CHECKS=True,
    OPTIONS={
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": env.int("DATABASE_CONNECT_TIMEOUT", 5),
        "application_name": env.str("DATABASE_APPLICATION_NAME", "agency"),
        # Only statements that ask for it (the hot path) are prepared; Django's default, None, would ignore them too.
        "prepare_threshold": 10**9 if env.bool("DATABASE_PREPARE", True) else None,
        "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_MAX", 20), "timeout": 10},
    },
)

# --- Broker and cache: may lose everything at any moment -----------------------------------------------------------
REDIS_URL = _required("REDIS_URL", "Valkey or Redis rings the workers' doorbell")
CELERY_BROKER_URL = REDIS_URL
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "agency",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}

# --- People -------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "locked.html"
OTP_TOTP_ISSUER = SITE_NAME
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
REQUIRE_TWO_FACTOR = env.bool("REQUIRE_TWO_FACTOR", False)
LOGIN_URL = f"/{ADMIN_PATH}login/"

# --- Web: cookies, headers, policy --------------------------------------------------------------------------------
HTTPS = env.bool("HTTPS", PUBLIC_URL.startswith("https://"))
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^healthz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
if env.bool("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
# A session nobody uses ends after so many seconds; pages that refresh themselves do not count as use.
SESSION_IDLE_SECONDS = env.int("SESSION_IDLE_SECONDS", 30 * 60)
# Approving, credentials, channels, tokens, people and starting work again ask for the second factor (or the password) anew
# when the last time was so many minutes ago.
CONFIRM_MINUTES = env.int("CONFIRM_MINUTES", 15)
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/api/.*$"
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", 1 << 20)
NUM_PROXIES = env.int("NUM_PROXIES", 0)

# --- API ----------------------------------------------------------------------------------------------------------
RATE_LIMITS = env.bool("RATE_LIMITS", True)
# Requests a minute, per user; 0 means no limit of that kind.
RATES = {
    "create": env.int("RATE_CREATE", 60),
    "bulk": env.int("RATE_BULK", 10),
    "execute": env.int("RATE_EXECUTE", 30),
    "approve": env.int("RATE_APPROVE", 30),
    "replay": env.int("RATE_REPLAY", 10),
    "write": env.int("RATE_WRITE", 120),
    "read": env.int("RATE_READ", 3000),
}
# Above so many queued tasks nothing new is taken in (503); 0 means no limit.
QUEUE_DEPTH_MAX = env.int("QUEUE_DEPTH_MAX", 100_000)
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "agency.api.schema.Schema",
    "NUM_PROXIES": NUM_PROXIES,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Agency API",
    "DESCRIPTION": "Tasks performed by bots, approved by people.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [],
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}},
    "SECURITY": [{"token": []}, {"session": []}],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "Made by `manage.py api_token`."},
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A person's login."},
        }
    },
}

# --- Secrets and the outside world --------------------------------------------------------------------------------
# "k2:<base64 of 32 bytes>,k1:…": the first key writes, the others still read.
CREDENTIAL_KEYS = _required("CREDENTIAL_KEYS", "it encrypts stored credentials")
# Exceptions to the rule that nothing reaches inside the network; refused in production by a system check.
OUTBOUND_ALLOW_HOSTS = env.list("OUTBOUND_ALLOW_HOSTS", default=[])
OUTBOUND_ALLOW_CIDRS = env.list("OUTBOUND_ALLOW_CIDRS", default=[])
# "true" allows http on 80 and 8080 besides https; numbers are further ports, "*" is every port.
OUTBOUND_HTTP = env.list("OUTBOUND_HTTP", default=[])
# Our own public addresses: never called, whatever else is allowed.
OUTBOUND_DENY_CIDRS = env.list("OUTBOUND_DENY_CIDRS", default=[])
# When not empty, only these hosts are called at all: name, name:port or .suffix.
OUTBOUND_ONLY_HOSTS = env.list("OUTBOUND_ONLY_HOSTS", default=[])
# A file of root certificates instead of the public ones (a company's own authority).
OUTBOUND_CA_FILE = env.str("OUTBOUND_CA_FILE", "")
# Environment variables that a task may name as a secret begin with this.
CREDENTIAL_ENV_PREFIX = env.str("CREDENTIAL_ENV_PREFIX", "AGENCY_SECRET_")
GHL_API_KEY = env.str("GHL_API_KEY", "")
GHL_LOCATION_ID = env.str("GHL_LOCATION_ID", "")
GHL_API_VERSION = env.str("GHL_API_VERSION", "v3")
GHL_BASE_URL = env.str("GHL_BASE_URL", "https://services.leadconnectorhq.com")
# Kept per location across all workers; GoHighLevel allows 100 requests in 10 s and refuses bursts well below that.
GHL_REQUESTS_PER_SECOND = env.int("GHL_REQUESTS_PER_SECOND", 8)
GHL_REQUESTS_PER_10_SECONDS = env.int("GHL_REQUESTS_PER_10_SECONDS", 100)
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "agency@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- The life of a task (times in seconds) ------------------------------------------------------------------------
# A worker proves every HEARTBEAT that it lives; an attempt unproven for LEASE is taken from it.
LEASE_SECONDS = env.float("LEASE_SECONDS", 30.0)
HEARTBEAT_SECONDS = env.float("HEARTBEAT_SECONDS", 10.0)
# An idle worker looks for work this often even when no doorbell rings: work goes on while the broker is down.
POLL_SECONDS = env.float("POLL_SECONDS", 10.0)
SLOTS = {
    "io": env.int("IO_SLOTS", 100),
    "browser": env.int("BROWSER_SLOTS", 2),
    "quarantine": env.int("QUARANTINE_SLOTS", 1),
}
SHUTDOWN_GRACE_SECONDS = env.float("SHUTDOWN_GRACE_SECONDS", 20.0)
# Retry n waits a random time up to min(CAP, BASE * 2^n).
RETRY_BASE_SECONDS = env.float("RETRY_BASE_SECONDS", 5.0)
RETRY_CAP_SECONDS = env.float("RETRY_CAP_SECONDS", 900.0)
REDISPATCH_SECONDS = env.float("REDISPATCH_SECONDS", 10.0)
DISPATCH_BATCH = env.int("DISPATCH_BATCH", 1000)
# How long a question to a person stays open.
# The largest executionConfig of a task, in bytes of JSON.
MAX_CONFIG_BYTES = env.int("MAX_CONFIG_BYTES", 1 << 20)
ANSWER_WITHIN_SECONDS = env.float("ANSWER_WITHIN_SECONDS", 7 * 24 * 3600.0)

# --- Review (times in the units of their names) -------------------------------------------------------------------
# Nobody approves what they made or changed last, whatever the policies say. Needs two people who may approve.
REVIEW_FOUR_EYES = env.bool("REVIEW_FOUR_EYES", False)
# A decision is due after SLA_MINUTES and a task nobody decides about is cancelled after EXPIRES_HOURS, unless a policy
# says less or more.
REVIEW_SLA_MINUTES = env.int("REVIEW_SLA_MINUTES", 24 * 60)
REVIEW_EXPIRES_HOURS = env.int("REVIEW_EXPIRES_HOURS", 30 * 24)
# An approval under which no run has begun ends after so many hours, counted from the time the task is planned for where
# that is later: what was right then may be wrong by now. The task waits for review again.
REVIEW_APPROVAL_HOURS = env.int("REVIEW_APPROVAL_HOURS", 7 * 24)
# What was approved on the review page starts after so many seconds, during which it can be undone.
REVIEW_UNDO_SECONDS = env.float("REVIEW_UNDO_SECONDS", 5.0)
REVIEW_LINK_HOURS = env.int("REVIEW_LINK_HOURS", 72)

# --- Messages (times in seconds) ----------------------------------------------------------------------------------
TWILIO_BASE_URL = env.str("TWILIO_BASE_URL", "https://api.twilio.com")
SLACK_BASE_URL = env.str("SLACK_BASE_URL", "https://slack.com/api")
SLACK_HOOKS_URL = env.str("SLACK_HOOKS_URL", "https://hooks.slack.com")
# The key HighLevel publishes for its signed webhooks; empty means that one.
GHL_WEBHOOK_PUBLIC_KEY = env.str("GHL_WEBHOOK_PUBLIC_KEY", "")
# The waits before each try to deliver a message; as many tries as there are waits.
_STEPS = [0, 5, 300, 1800, 7200, 18_000, 36_000, 36_000]
DELIVERY_STEPS = [float(step) for step in env.list("DELIVERY_STEPS", default=_STEPS)]
DELIVERY_TIMEOUT_SECONDS = env.float("DELIVERY_TIMEOUT_SECONDS", 20.0)
# A delivery unproven for its timeout and this long is taken from its worker.
DELIVERY_LEASE_MARGIN_SECONDS = env.float("DELIVERY_LEASE_MARGIN_SECONDS", 30.0)
DELIVERY_SLOTS = env.int("DELIVERY_SLOTS", 64)
DELIVERY_PER_CHANNEL = env.int("DELIVERY_PER_CHANNEL", 4)
DELIVERY_PER_HOST = env.int("DELIVERY_PER_HOST", 10)
DELIVERY_PER_SECOND = env.int("DELIVERY_PER_SECOND", 10)
INBOX_SLOTS = env.int("INBOX_SLOTS", 4)
# Per minute: accepted messages of one channel, and bad signatures from one address.
INBOUND_RATE = env.int("INBOUND_RATE", 300)
INBOUND_BAD_RATE = env.int("INBOUND_BAD_RATE", 30)
# With so many messages waiting to be understood, new ones are answered 503.
INBOUND_BACKLOG = env.int("INBOUND_BACKLOG", 100_000)

# --- Retention, in days; 0 keeps for ever (reports/retention.py) --------------------------------------------------------
# Texts of messages and attempts to deliver them, and inbound messages as they came.
MESSAGE_RETENTION_DAYS = env.int("MESSAGE_RETENTION_DAYS", 30)
RAW_INBOUND_RETENTION_DAYS = env.int("RAW_INBOUND_RETENTION_DAYS", MESSAGE_RETENTION_DAYS)
# Finished tasks with their attempts, and messages about them; the outputs and steps of attempts; files of attempts.
TASK_RETENTION_DAYS = env.int("TASK_RETENTION_DAYS", 365)
EXECUTION_RETENTION_DAYS = env.int("EXECUTION_RETENTION_DAYS", 90)
ARTIFACT_RETENTION_DAYS = env.int("ARTIFACT_RETENTION_DAYS", 90)
# The audit trail of what is gone.
EVENT_RETENTION_DAYS = env.int("EVENT_RETENTION_DAYS", 800)

# --- Browser ------------------------------------------------------------------------------------------------------
# Empty: a headless shell if there is one, else Chromium or Chrome, wherever the system keeps them.
CHROMIUM_PATH = env.str("CHROMIUM_PATH", "")
CHROMEDRIVER_PATH = env.str("CHROMEDRIVER_PATH", "")
# Where browsers come from unless a task says otherwise: local, grid or browserbase.
BROWSER_DRIVER = env.str("BROWSER_DRIVER", "local")
BROWSER_GRID_URL = env.str("BROWSER_GRID_URL", "")
BROWSERBASE_API_KEY = env.str("BROWSERBASE_API_KEY", "")
BROWSERBASE_PROJECT_ID = env.str("BROWSERBASE_PROJECT_ID", "")
BROWSERBASE_URL = env.str("BROWSERBASE_URL", "https://api.browserbase.com")
# Browsers a worker process keeps warm; one is replaced when its processes outgrow the memory.
BROWSER_POOL_SIZE = env.int("BROWSER_POOL_SIZE", 2)
BROWSER_MEMORY_MB = env.int("BROWSER_MEMORY_MB", 600)
BROWSER_STATE_DIR = env.str("BROWSER_STATE_DIR", f"{tempfile.gettempdir()}/agency-browsers-{os.geteuid()}")
# A worker that runs as root starts its browsers as this user, so that Chromium keeps its sandbox.
BROWSER_USER = env.str("BROWSER_USER", "nobody")
# Only where the system allows no user namespaces (many containers).
BROWSER_NO_SANDBOX = env.bool("BROWSER_NO_SANDBOX", False)
# How long a page that waits for a person's answer keeps its browser; afterwards the work starts over with the answer.
BROWSER_PARK_SECONDS = env.float("BROWSER_PARK_SECONDS", 300.0)
BROWSER_DOWNLOAD_MB = env.int("BROWSER_DOWNLOAD_MB", 25)

# --- Language models (optional: without one the deterministic engines work alone) ------------------------------------
# "openai:gpt-…", "anthropic:claude-…": a model name of pydantic-ai, with its provider's key in the usual variable.
LLM_MODEL = env.str("LLM_MODEL", "")
LLM_TIMEOUT_SECONDS = env.float("LLM_TIMEOUT_SECONDS", 30.0)
LLM_MAX_TOKENS = env.int("LLM_MAX_TOKENS", 4000)
# Selenium must not go looking for drivers on the network.
os.environ.setdefault("SE_OFFLINE", "true")
os.environ.setdefault("SE_AVOID_STATS", "true")

# --- Time, language, files ----------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "static_collected")))
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", str(BASE_DIR / "media")))
# Hashed and compressed where they were collected (make up and the image do that), else straight from the apps.
STATIC_COLLECTED = env.bool("STATIC_COLLECTED", False)
_STATIC_STORAGE = (
    "whitenoise.storage.CompressedManifestStaticFilesStorage"
    if STATIC_COLLECTED
    else "django.contrib.staticfiles.storage.StaticFilesStorage"
)
# Artifacts live in MEDIA_ROOT, or in an S3-compatible bucket (requirements-s3.txt; keys as boto3 reads them).
ARTIFACT_MAX_MB = env.int("ARTIFACT_MAX_MB", 30)
ARTIFACT_MAX_TOTAL_MB = env.int("ARTIFACT_MAX_TOTAL_MB", 100)
S3_BUCKET = env.str("S3_BUCKET", "")
_ARTIFACT_STORAGE: dict[str, Any] = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
if S3_BUCKET:
    _ARTIFACT_STORAGE = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "endpoint_url": env.str("S3_ENDPOINT", "") or None,
            "region_name": env.str("S3_REGION", "") or None,
            "default_acl": "private",
        },
    }
STORAGES = {
    "default": _ARTIFACT_STORAGE,
    "staticfiles": {"BACKEND": _STATIC_STORAGE},
}
WHITENOISE_USE_FINDERS = not STATIC_COLLECTED

# --- Logs ---------------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", "INFO").upper()
LOG_FORMAT = env.str("LOG_FORMAT", "text")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s %(prefix)s%(message)s"},
        "json": {"()": "agency.logs.JsonFormatter"},
    },
    "filters": {"redacting": {"()": "agency.redaction.Redacting"}, "context": {"()": "agency.logs.Context"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["redacting", "context"]}
    },
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        name: {"level": "WARNING"}
        # One tick a second is not news.
        for name in ("axes", "django_celery_beat", "celery.worker.strategy", "celery.app.trace")
    },
}

# --- Watching it ----------------------------------------------------------------------------------------------------
# /metrics answers who has the token, and connections straight from these networks; with neither it is not there.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
METRICS_ALLOW = env.list("METRICS_ALLOW", default=[])
# Both need requirements-obs.txt. Errors go to Sentry without personal data; traces to an OTLP/HTTP collector.
SENTRY_DSN = env.str("SENTRY_DSN", "")
OTEL_EXPORTER_OTLP_ENDPOINT = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", "")
TRACES_SHARE = env.float("TRACES_SHARE", 0.1)

# --- Celery (the rest of its settings are code, in agency/celery.py) ------------------------------------------------
DJANGO_CELERY_BEAT_TZ_AWARE = True
