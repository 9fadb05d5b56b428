"""Root of the URL table; each app brings its own urls."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path("", include("caiso.web.base.shell_urls")),
]
