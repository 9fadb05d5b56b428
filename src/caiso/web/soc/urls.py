"""Pages of security operations."""

from django.urls import URLPattern, path

from caiso.web.base.register.pages import register_urls
from caiso.web.soc import registers
from caiso.web.soc.views import alerts, entities, events, incidents, rules, sources

urlpatterns: list[URLPattern] = [
    path("alerts/<int:pk>/", alerts.alert_record, name="alert_record"),
    path("alerts/<int:pk>/acknowledge/", alerts.alert_acknowledge, name="alert_acknowledge"),
    path("alerts/<int:pk>/close/", alerts.alert_close, name="alert_close"),
    path("alerts/<int:pk>/reopen/", alerts.alert_reopen, name="alert_reopen"),
    path("alerts/<int:pk>/escalate/", alerts.alert_escalate, name="alert_escalate"),
    path("alerts/<int:pk>/suppress/", alerts.alert_suppress, name="alert_suppress"),
    path("incidents/open/", incidents.incident_open, name="incident_open"),
    path("incidents/<int:pk>/", incidents.incident_record, name="incident_record"),
    path("incidents/<int:pk>/advance/<slug:to>/", incidents.incident_advance, name="incident_advance"),
    path("incidents/<int:pk>/note/", incidents.incident_note, name="incident_note"),
    path("incidents/<int:pk>/fact/", incidents.incident_fact, name="incident_fact"),
    path("incidents/<int:pk>/review/", incidents.incident_review, name="incident_review"),
    path("clocks/<int:pk>/", incidents.clock_record, name="clock_record"),
    path("events/", events.events, name="events"),
    path("events/<slug:by>/", events.event_thread, name="event_thread"),
    path("rules/<int:pk>/", rules.rule_record, name="rule_record"),
    path("rules/<int:pk>/state/<slug:to>/", rules.rule_state, name="rule_state"),
    path("rules/<int:pk>/canary/", rules.rule_canary, name="rule_canary"),
    path("entities/<int:pk>/", entities.entity_record, name="entity_record"),
    path("risk/settings/", entities.risk_page, name="risk_settings"),
    path("sources/<int:pk>/", sources.source_record, name="source_record"),
    path("sources/<int:pk>/retry/", sources.source_retry, name="source_retry"),
    path("sources/<int:pk>/redaction/", sources.source_redaction, name="source_redaction"),
    path("technique-coverage/<int:pk>/", rules.coverage_record, name="coverage_record"),
    *register_urls(registers.ALERTS),
    *register_urls(registers.INCIDENTS),
    *register_urls(registers.RULES),
    *register_urls(registers.ENTITIES),
    *register_urls(registers.SOURCES),
    *register_urls(registers.COVERAGE),
]
