"""Addresses of the administration pages."""

from django.urls import path

from caiso.web.base import administration_views as views
from caiso.web.base.administration import JOBS, TOKENS, UNITS, USERS
from caiso.web.base.register.pages import register_urls

urlpatterns = [
    path("audit/chain/", views.audit_trail, name="audit_trail"),
    path("operations/", views.operations, name="operations"),
    path("security/", views.security, name="security"),
    path("users/add/", views.user_new, name="user_new"),
    path("users/<int:pk>/", views.user_record, name="user_record"),
    path("users/<int:pk>/grants/", views.grant_new, name="grant_new"),
    path("users/<int:pk>/<slug:deed>/", views.user_deed, name="user_deed"),
    path("users/grants/<int:pk>/revoke/", views.grant_revoke, name="grant_revoke"),
    path("tokens/add/", views.token_new, name="token_new"),
    path("jobs/<int:pk>/", views.job_record, name="job_record"),
    path("jobs/<int:pk>/cancel/", views.job_cancel, name="job_cancel"),
    *register_urls(UNITS),
    *register_urls(USERS),
    *register_urls(TOKENS),
    *register_urls(JOBS),
]
