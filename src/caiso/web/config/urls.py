"""Root of the URL table; each app brings its own urls, and the API its own table."""

from importlib.util import find_spec

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from caiso.web.base import health
from caiso.web.config.api import api


def _apps_urls() -> list[URLPattern | URLResolver]:
    modules = [f"caiso.web.{app}.urls" for app in settings.CAISO_APPS]
    return [path("", include(module)) for module in modules if find_spec(module)]


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", api.urls),
    *_apps_urls(),
]
