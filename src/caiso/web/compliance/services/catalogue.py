"""Bringing the packs' frameworks and controls into the database, so that pages and links can stand on them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from caiso.engine.comply import Control as ControlPack
from caiso.engine.comply import Framework as FrameworkPack
from caiso.engine.comply import Library
from caiso.engine.comply.frameworks import Requirement as RequirementNode
from caiso.web.base.services import audit
from caiso.web.compliance.models import Control, ControlLink, Framework, Requirement


@dataclass(frozen=True)
class Taken:
    """How many packs were new or changed."""

    frameworks: int
    controls: int


@transaction.atomic
def take_library(library: Library, *, now: datetime) -> Taken:
    """Write what is new or changed in the packs; a control that left them is retired, never deleted."""
    frameworks = [pack.value for pack in library.frameworks]
    controls = [pack.value for pack in library.controls]
    changed_frameworks = sum(_take_framework(framework) for framework in frameworks)
    changed = [control for control in controls if _take_control(control)]
    for control in changed:
        audit.record(actor=None, verb="control.load", subject=Control.objects.get(slug=control.id), now=now)
    Control.objects.exclude(slug__in=[control.id for control in controls]).update(is_retired=True)
    _take_links(controls)
    return Taken(changed_frameworks, len(changed))


def _digest(pack: object) -> str:
    return hashlib.sha256(repr(pack).encode()).hexdigest()


def _take_framework(pack: FrameworkPack) -> bool:
    digest = _digest(pack)
    known = Framework.objects.filter(slug=pack.id, version=pack.version).first()
    if known is not None and known.digest == digest:
        return False
    row = known or Framework(slug=pack.id, version=pack.version)
    row.title, row.publisher, row.status = pack.title, pack.publisher, pack.status.value
    row.licence, row.source, row.verified_on, row.digest = pack.licence, pack.source, pack.verified_on, digest
    row.save()
    keep = []
    for place, (parent, node) in enumerate(_walk(pack.requirements)):
        requirement, _ = Requirement.objects.update_or_create(
            framework=row,
            ref=node.id,
            defaults={
                "parent": Requirement.objects.get(framework=row, ref=parent) if parent else None,
                "level": node.level,
                "title": node.title or "",
                "text": node.text or "",
                "is_assessable": node.assessable,
                "position": place,
            },
        )
        keep.append(requirement.pk)
    row.requirements.exclude(pk__in=keep).delete()
    return True


def _walk(nodes: tuple[RequirementNode, ...], parent: str = "") -> list[tuple[str, RequirementNode]]:
    found = []
    for node in nodes:
        found.append((parent, node))
        found.extend(_walk(node.requirements, node.id))
    return found


def _take_control(pack: ControlPack) -> bool:
    digest = _digest(pack)
    known = Control.objects.filter(slug=pack.id).first()
    if known is not None and known.digest == digest and not known.is_retired:
        return False
    row = known or Control(slug=pack.id)
    row.title, row.statement, row.family, row.owner_role = pack.title, pack.statement, pack.family.value, pack.owner
    row.lifecycle_stages = [stage.value for stage in pack.lifecycle]
    row.techniques = list(pack.techniques)
    row.scope = next(
        (check.scope.value for check in pack.checks if check.scope.value != "organisation"), "organisation"
    )
    row.check_count, row.digest, row.is_retired = len(pack.checks), digest, False
    row.save()
    return True


def _take_links(packs: list[ControlPack]) -> None:
    """Write the links anew; a review that people made here stays while the link says the same."""
    controls = {control.slug: control for control in Control.objects.all()}
    requirements = {
        (one.framework.slug, one.framework.version, one.ref): one
        for one in Requirement.objects.select_related("framework")
    }
    known = {(link.control_id, link.requirement_id): link for link in ControlLink.objects.all()}
    rows = []
    for pack in packs:
        for link in pack.links:
            row = ControlLink(
                control=controls[pack.id],
                requirement=requirements[link.framework, link.version, link.requirement],
                relation=link.relation.value,
                strength=link.strength,
                rationale=link.rationale,
                review_status=link.status.value,
                reviewer=link.reviewer or "",
                reviewed_on=link.reviewed_on,
            )
            _keep_review(row, known.get((row.control_id, row.requirement_id)))
            rows.append(row)
    ControlLink.objects.all().delete()
    ControlLink.objects.bulk_create(rows, batch_size=500)


def _keep_review(row: ControlLink, known: ControlLink | None) -> None:
    says = ("relation", "strength", "rationale")
    if known is not None and all(getattr(known, name) == getattr(row, name) for name in says):
        row.pk = known.pk  # its page and history keep their address
        if known.review_status != "unreviewed":
            row.review_status, row.reviewer = known.review_status, known.reviewer
            row.reviewed_on, row.review_note = known.reviewed_on, known.review_note
