"""Records of the organisation in another unit, for the role x route matrix."""

from caiso.web.base.models import Person, Unit
from caiso.web.organisation.models import Assignment, Delegate, Duty, Holding, Role, Scenario, Tool
from tests.web.conftest import NOW

NOT_OBJECTS = {"organisation_figure", "organisation_picture", "organisation_table_file"}  # by their name


def foreign_objects(unit: Unit) -> dict[str, dict[str, object]]:
    """{route name or pattern: arguments} of records that lie in `unit`."""
    ada = Person.objects.create(slug="ada-theirs", name="Ada", unit=unit)
    bob = Person.objects.create(slug="bob-theirs", name="Bob", unit=unit)
    duty = Duty.objects.create(slug="their-duty", title="Theirs", unit=unit, family="govern")
    role = Role.objects.create(slug="their-role", title="Theirs", unit=unit)
    assignment = Assignment.objects.create(duty=duty, role=role, kind=Assignment.Kind.values[0], scope_unit=unit)
    holding = Holding.objects.create(person=ada, role=role)
    delegation = Delegate.objects.create(role=role, person=ada, delegate=bob)
    scenario = Scenario.objects.create(
        name="Theirs", unit=unit, changes=[{"op": "remove_role", "role": "x"}], created_at=NOW, updated_at=NOW
    )
    tool = Tool.objects.create(slug="their-tool", title="Theirs", unit=unit)
    return {
        "duty_by_slug": {"slug": duty.slug},
        "duty_*": {"pk": duty.pk},
        "role_*": {"pk": role.pk},
        "assignment_end": {"pk": assignment.pk},
        "holding_end": {"pk": holding.pk},
        "delegation_end": {"pk": delegation.pk},
        "role_attest": {"pk": role.pk, "check": "board-access"},
        "scenario_change_edit": {"pk": scenario.pk, "place": 0},
        "scenario_change_drop": {"pk": scenario.pk, "place": 0},
        "scenario_figure": {"pk": scenario.pk, "ending": "svg"},
        "scenario_*": {"pk": scenario.pk},
        "GET /organisation/scenarios/{number}/difference": {"number": scenario.pk},
        "tool_*": {"pk": tool.pk},
        "person_skills": {"slug": ada.slug},
        "person_away": {"slug": ada.slug},
        "person_duties": {"slug": ada.slug},
        "person_back": {"slug": ada.slug},
        "scorecard_attest": {"slug": ada.slug, "item": "skill-ai"},
        "tools": {"key": tool.pk},
        "* /duties/{slug}*": {"slug": duty.slug},
        "* /roles/{slug}*": {"slug": role.slug},
        "POST /assignments/{number}/end": {"number": assignment.pk},
        "POST /holders/{number}/end": {"number": holding.pk},
    }
