"""Records of compliance in another unit, for the role x route matrix."""

from caiso.web.base.models import Unit
from caiso.web.compliance.models import Control, ControlAssessment, Evidence
from tests.web.base.factories import NOW

# Controls, their links and frameworks are content of packs, the same for everybody; what they came to has a unit.
NOT_OBJECTS = {
    "control_record",
    "link_review",
    "framework_record",
    "GET /controls/{number}",
    "PATCH /controls/{number}",
    "GET /frameworks/{number}",
}


def foreign_objects(unit: Unit) -> dict[str, dict[str, object]]:
    """{route name or pattern: arguments} of records that lie in `unit`."""
    control = Control.objects.create(slug="theirs", title="Theirs", statement="x", family="f")
    assessment = ControlAssessment.objects.create(control=control, scope_key="unit:theirs", unit=unit)
    evidence = Evidence.objects.create(control=control, unit=unit, title="Theirs", kind="note", collected_at=NOW)
    return {
        "control_scope": {"pk": control.pk, "scope": assessment.pk},
        "control_check": {"pk": assessment.pk},
        "control_declare": {"pk": assessment.pk},
        "evidence": {"key": str(evidence.pk)},
        "evidence_*": {"pk": evidence.pk},
        "* /evidence/{number}*": {"number": evidence.pk},
    }
