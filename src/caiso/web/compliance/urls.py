"""Pages of compliance."""

from django.urls import URLPattern, path

from caiso.web.base.register.pages import register_urls
from caiso.web.compliance import registers
from caiso.web.compliance.views import controls, evidence, frameworks

urlpatterns: list[URLPattern] = [
    path("controls/<int:pk>/", controls.control_record, name="control_record"),
    path("controls/<int:pk>/<int:scope>/", controls.control_record, name="control_scope"),
    path("controls/scopes/<int:pk>/check/", controls.control_check, name="control_check"),
    path("controls/scopes/<int:pk>/declare/", controls.control_declare, name="control_declare"),
    path("controls/links/<int:pk>/review/", controls.link_review, name="link_review"),
    path("frameworks/", frameworks.frameworks, name="frameworks"),
    path("frameworks/<int:pk>/", frameworks.framework_record, name="framework_record"),
    path("evidence/<int:pk>/", evidence.evidence_record, name="evidence_record"),
    path("evidence/<int:pk>/accept/", evidence.evidence_accept, name="evidence_accept"),
    *register_urls(registers.CONTROLS),
    *register_urls(registers.EVIDENCE),
]
