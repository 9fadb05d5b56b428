"""Addresses of the base app."""

from caiso.web.base.shell_urls import urlpatterns as shell

urlpatterns = [*shell]
