"""Django settings, computed from the environment; nothing here is read from the checkout."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from csp.constants import NONE, SELF

from caiso.errors import DomainError
from caiso.web.config.environment import environment
from caiso.web.config.secrets import read_or_make_key

ENV = environment()
DATA = ENV.data
WEB = Path(__file__).resolve().parent.parent

DATA.mkdir(parents=True, exist_ok=True, mode=0o700)
SECRET_KEY = ENV.secret_key.get_secret_value() if ENV.secret_key else read_or_make_key(DATA, "django")
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
BACKUP_FOLDER = ENV.backups or DATA / "backups"
METRICS_TOKEN = ENV.metrics_token.get_secret_value() if ENV.metrics_token else ""
SECURE = ENV.public_url.startswith("https://")
CSRF_TRUSTED_ORIGINS = [ENV.public_url] if ENV.public_url else []

CAISO_APPS = ["base", "organisation", "inventory", "compliance", "soc", "reports"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_htmx",
    "django_filters",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "rules",
    "csp",
    *[f"caiso.web.{app}" for app in CAISO_APPS],
]

MIDDLEWARE = [
    "caiso.web.base.metrics.TimingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "caiso.web.base.sessions.IdleSessionMiddleware",
]

ROOT_URLCONF = "caiso.web.config.urls"
ASGI_APPLICATION = "caiso.web.config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [WEB / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "caiso.web.base.context.frame",
            ],
        },
    },
]


class UnableToUsePostgresql(DomainError):
    """The driver is missing."""


def sqlite(path: Path) -> dict[str, Any]:
    """SQLite as architecture decided: IMMEDIATE (DEFERRED loses writes to lock errors) and synchronous=FULL (acknowledged means durable)."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;PRAGMA cache_size=-16000;PRAGMA temp_store=MEMORY;",
        },
        # A file, not memory: several processes and threads of one test share it.
        "TEST": {"NAME": str(path.with_name("test.sqlite3"))},
    }


def postgresql(url: str) -> dict[str, Any]:
    """PostgreSQL from a postgresql://user:password@host:port/name address."""
    if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
        raise UnableToUsePostgresql("CAISO_DATABASE_URL needs PostgreSQL's driver: pip install 'caiso[postgres]'")
    from caiso.web.config.postgres import replace_nulls  # noqa: PLC0415 - see above

    replace_nulls()
    parts = urlparse(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or "",
        "OPTIONS": {"pool": {"min_size": 1, "max_size": 10, "timeout": 10}},  # of each process
    }


DATABASES = {"default": postgresql(ENV.database_url) if ENV.database_url else sqlite(DATA / "caiso.sqlite3")}
# What limits the rate of sign-ins and of the API: with several web processes they must count together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "caiso_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
    if ENV.database_url
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "base.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # accounts are made by an administrator, never by sign-up
ACCOUNT_ADAPTER = "caiso.web.base.adapters.ClosedAccountAdapter"
SOCIALACCOUNT_ADAPTER = "caiso.web.base.adapters.SingleSignOnAdapter"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "caiso"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_IDLE_SECONDS = 2 * 3600  # without a request this long one signs in again
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE else None
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = ENV.time_zone
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = DATA / "static"
STATICFILES_DIRS = [WEB / "static"]
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_MAX_AGE = 3600

SCAN_FOLDERS = ENV.scan_folders
SCAN_PRIVATE_ADDRESSES = ENV.scan_private_addresses
API_REQUESTS_PER_MINUTE = 1200  # of one token or login
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"  # nothing leaves until a connector is set up
SITE_ID = None

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "caiso.web.config.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": ENV.log_level},
    "loggers": {"django.request": {"level": "ERROR"}},
}
