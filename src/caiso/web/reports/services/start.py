"""The first steps: who the organisation is, the key of its first source, and leaving the demo behind."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from caiso.engine.coverage.organisation import model as engine
from caiso.errors import DomainError
from caiso.web.base.models import Job, TokenScope, Unit, User
from caiso.web.base.services import audit
from caiso.web.base.services.jobs import enqueue
from caiso.web.base.services.settings import change_setting
from caiso.web.base.services.tokens import create_token
from caiso.web.organisation.queries import PROFILE_SETTING

REMOVE_DEMO = "reports.remove_demo"


class UnableToStart(DomainError):
    """The step cannot be taken like that."""


@transaction.atomic
def keep_profile(values: Mapping[str, Any], *, root: Unit, actor: User, now: datetime) -> engine.Profile:
    """Keep what the reporting-structure advice rests on; `name` becomes the name of the root unit."""
    given = dict(values)
    name = " ".join(str(given.pop("name", root.name)).split())
    if not name or len(name) > 200:
        raise UnableToStart("the organisation needs a name of at most 200 characters")
    profile = engine.Profile(**given)
    if name != root.name:
        before, root.name = root.name, name
        root.save(update_fields=["name"])
        audit.record(actor=actor, verb="unit.change", subject=root, changes={"name": [before, name]}, now=now)
    change_setting(PROFILE_SETTING, asdict(profile), actor=actor, now=now)
    return profile


def make_ingest_token(name: str, *, root: Unit, actor: User, now: datetime) -> str:
    """The key of a new source, shown this once."""
    _, text = create_token(name=name, scope=TokenScope.INGEST, unit=root, actor=actor, now=now)
    return text


def ask_to_remove_demo(*, actor: User, now: datetime) -> Job:
    """Put the removal of the demo in the queue; asking again while it waits does nothing."""
    waiting = Job.objects.filter(kind=REMOVE_DEMO, state__in=[Job.State.WAITING, Job.State.RUNNING]).first()
    return waiting or enqueue(REMOVE_DEMO, {"by": actor.pk}, actor=actor, max_attempts=2, now=now)
