"""Requirements of two frameworks that one of our controls serves are told as overlapping."""

import pytest
from django.test import Client
from django.urls import reverse

from caiso.engine.coverage.silos import regulation_pairs
from caiso.web.base.models import Unit, User
from caiso.web.compliance.models import Control, ControlLink, Framework, Requirement
from caiso.web.compliance.queries import overlapping_requirements
from caiso.web.organisation import queries

pytestmark = pytest.mark.django_db


def _requirement(slug: str, version: str, ref: str) -> Requirement:
    framework, _ = Framework.objects.get_or_create(slug=slug, version=version, defaults={"title": slug, "digest": "d"})
    return Requirement.objects.create(framework=framework, ref=ref, level="article", title=ref, position=1)


def test_only_different_frameworks_meet_and_the_organisation_is_told(client: Client, root: Unit, login: object) -> None:
    control = Control.objects.create(
        slug="one", title="One", statement="One.", family="x", scope="organisation", digest="d"
    )
    found = [
        _requirement("act", "1", "9"),
        _requirement("iso", "1", "A.5"),
        _requirement("iso", "2", "A.5"),
        _requirement("law", "1", "3"),
    ]
    for requirement in found[:3]:
        ControlLink.objects.create(
            control=control, requirement=requirement, relation="intersects", rationale="x", review_status="unreviewed"
        )
    links = overlapping_requirements()
    assert {(one.left, one.right) for one in links} == {("act 1", "iso 1"), ("act 1", "iso 2")}
    assert all("One" in one.note for one in links)
    pairs = regulation_pairs(queries.organisation().requirement_links)
    assert [len(one.overlaps) for one in pairs] == [1, 1]
    user: User = login("caiso", root)  # type: ignore[operator]  # the fixture makes a login
    client.force_login(user)
    assert b"act 1 and iso 1" in client.get(reverse("silos")).content
    control.is_retired = True
    control.save()
    assert overlapping_requirements() == ()
