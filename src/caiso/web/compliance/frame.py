"""What compliance adds to the page frame: navigation, search, live topics, links between records."""

from collections.abc import Iterable

from django.db.models import Max, Q
from django.urls import reverse

from caiso.web.base import live, navigation, search
from caiso.web.base.access import Viewer
from caiso.web.base.record import Link, LinkGroup, relate
from caiso.web.compliance import queries
from caiso.web.compliance.models import Control, ControlAssessment, ControlStateChange, Framework
from caiso.web.compliance.registers import STATE_TONES
from caiso.web.inventory.models import Asset
from caiso.web.organisation.models import Duty, Role


def join_frame() -> None:
    """Called once by the app at start-up."""
    navigation.add(
        navigation.Item(
            "Controls", "controls_list", icon="shield-check", section="Compliance", order=10, key="c", count=_failing
        ),
        navigation.Item("Frameworks", "frameworks", icon="books", section="Compliance", order=20, key="f"),
        navigation.Item("Evidence", "evidence_list", icon="file-text", section="Compliance", order=30, count=_waiting),
    )
    search.register("controls", "Controls", _find_controls)
    search.register("frameworks", "Frameworks", _find_frameworks)
    live.register(live.Topic("controls", _newest))
    relate("Asset", _links_of_asset)
    relate("Role", _links_of_role)
    relate("Duty", _links_of_duty)


def _failing(viewer: Viewer) -> int:
    return queries.assessments(viewer).filter(state="failing").order_by().count()


def _waiting(viewer: Viewer) -> int:
    if not viewer.may("compliance.edit"):
        return 0
    return queries.evidence(viewer).filter(is_accepted=False).exclude(collected_by=viewer.user).order_by().count()


def _find_controls(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    found = Q(title__icontains=text) | Q(slug__icontains=text) | Q(statement__icontains=text)
    for control in Control.objects.filter(found, is_retired=False)[:limit]:
        yield search.Result(control.title, control.get_absolute_url(), control.slug, icon="shield-check")


def _find_frameworks(viewer: Viewer, text: str, limit: int) -> Iterable[search.Result]:
    for framework in Framework.objects.filter(Q(title__icontains=text) | Q(slug__icontains=text))[:limit]:
        yield search.Result(str(framework), framework.get_absolute_url(), framework.publisher, icon="books")


def _newest(viewer: Viewer | None) -> object:
    rows = queries.assessments(viewer) if viewer else ControlAssessment.objects.all()
    checked = rows.order_by().aggregate(at=Max("since"), declared=Max("pk"))
    return (*checked.values(), ControlStateChange.objects.order_by("-pk").values_list("pk", flat=True).first())


def _links_of_asset(asset: Asset, viewer: Viewer) -> Iterable[LinkGroup]:
    rows = queries.assessments(viewer).filter(asset=asset)
    yield _group("Controls on this system", rows[:8], rows.count())


def _links_of_role(role: Role, viewer: Viewer) -> Iterable[LinkGroup]:
    rows = queries.assessments(viewer).filter(control__owner_role=role.slug)
    yield _group("Controls owned", rows[:8], rows.count())


def _links_of_duty(duty: Duty, viewer: Viewer) -> Iterable[LinkGroup]:
    rows = queries.assessments(viewer).filter(control__slug__in=duty.controls)
    yield _group("Controls", rows[:8], rows.count())


def _group(title: str, rows: Iterable[ControlAssessment], total: int) -> LinkGroup:
    found = tuple(
        Link(row.control.title, row.get_absolute_url(), row.get_state_display(), STATE_TONES[row.state]) for row in rows
    )
    return LinkGroup(title, found, total, reverse("controls_list"))
