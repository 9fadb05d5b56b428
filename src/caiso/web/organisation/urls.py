"""Pages of the organisation."""

from django.urls import URLPattern, path

from caiso.web.base.register.pages import register_urls
from caiso.web.organisation import registers
from caiso.web.organisation.views import coverage, duties, exchange, figures, people, reporting, roles, scenarios

urlpatterns: list[URLPattern] = [
    path("organisation/", coverage.coverage, name="coverage"),
    path("organisation/start/", coverage.organisation_start, name="organisation_start"),
    path("organisation/import/", exchange.organisation_import, name="organisation_import"),
    path("organisation/organisation.yaml", exchange.organisation_export, name="organisation_export"),
    path("organisation/chart/", figures.organisation_chart, name="organisation_chart"),
    path("organisation/crossover/", figures.crossover, name="crossover"),
    path("organisation/deficiencies/", figures.deficiency_map, name="deficiencies"),
    path("organisation/figures/<slug:name>.svg", figures.figure_file, name="organisation_figure"),
    path("my-duties/", people.my_duties, name="my_duties"),
    path("duties/<int:pk>/", duties.duty_record, name="duty_record"),
    path("duties/<int:pk>/assign/", duties.duty_assign, name="duty_assign"),
    path("duties/called/<slug:slug>/", duties.duty_by_slug, name="duty_by_slug"),
    path("assignments/<int:pk>/end/", duties.assignment_end, name="assignment_end"),
    path("roles/<int:pk>/", roles.role_record, name="role_record"),
    path("roles/<int:pk>/appoint/", roles.role_appoint, name="role_appoint"),
    path("roles/<int:pk>/assign/", roles.role_assign, name="role_assign"),
    path("roles/<int:pk>/delegate/", roles.role_delegate, name="role_delegate"),
    path("roles/<int:pk>/line/", roles.role_line, name="role_line"),
    path("roles/<int:pk>/confirm/", roles.role_confirm, name="role_confirm"),
    path("holdings/<int:pk>/end/", roles.holding_end, name="holding_end"),
    path("delegations/<int:pk>/end/", roles.delegation_end, name="delegation_end"),
    path("organisation/reporting/", reporting.advisor, name="advisor"),
    path("organisation/authority/", reporting.authority, name="authority"),
    path("roles/<int:pk>/authority/", reporting.role_authority, name="role_authority"),
    path("roles/<int:pk>/authority/<slug:check>/", reporting.role_attest, name="role_attest"),
    path("scenarios/start/", scenarios.scenario_new, name="scenario_new"),
    path("scenarios/compare/", scenarios.scenario_compare, name="scenario_compare"),
    path("scenarios/<int:pk>/", scenarios.scenario_record, name="scenario_record"),
    path("scenarios/<int:pk>/scenario.yaml", scenarios.scenario_file, name="scenario_file"),
    path("scenarios/<int:pk>/changes/", scenarios.scenario_change, name="scenario_change"),
    path("scenarios/<int:pk>/changes/<int:place>/", scenarios.scenario_change, name="scenario_change_edit"),
    path("scenarios/<int:pk>/changes/<int:place>/drop/", scenarios.scenario_change_drop, name="scenario_change_drop"),
    path("scenarios/<int:pk>/adopt/", scenarios.scenario_adopt, name="scenario_adopt"),
    path("scenarios/<int:pk>/discard/", scenarios.scenario_discard, name="scenario_discard"),
    *register_urls(registers.DUTIES),
    *register_urls(registers.SCENARIOS),
    *register_urls(registers.ROLES),
]
