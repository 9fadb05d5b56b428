"""Addresses of the frame's own pages and of the base app's registers."""

from django.urls import path

from caiso.web.base import administration_urls
from caiso.web.base import shell_views as views
from caiso.web.base.register.pages import register_urls
from caiso.web.base.registers import AUDIT, MY_TASKS, PEOPLE

urlpatterns = [
    *administration_urls.urlpatterns,
    path("pages/", views.page_index, name="page_index"),
    path("search/", views.find, name="search"),
    path("search/palette/", views.palette, name="palette"),
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/<int:number>/", views.open_notification, name="notification"),
    path("theme/", views.theme, name="theme"),
    path("navigation/", views.keep_section, name="navigation"),
    path("live/", views.live, name="live"),
    *register_urls(MY_TASKS),
    *register_urls(PEOPLE),
    path("people/<str:slug>/", views.person, name="person"),
    *register_urls(AUDIT),
]
