"""The first screen and the reports."""

from django.urls import URLPattern, path

from caiso.web.reports.views import start
from caiso.web.reports.views.posture import posture

urlpatterns: list[URLPattern] = [
    path("", posture, name="home"),
    path("start/", start.start, name="start"),
    path("start/profile/", start.start_profile, name="start_profile"),
    path("start/source/", start.start_source, name="start_source"),
    path("start/explore/", start.start_explore, name="start_explore"),
    path("start/remove-demo/", start.start_remove_demo, name="start_remove_demo"),
]
