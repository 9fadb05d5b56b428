"""The first screen and the reports."""

from django.urls import URLPattern, path

from caiso.web.reports.views.posture import posture

urlpatterns: list[URLPattern] = [
    path("", posture, name="home"),
]
