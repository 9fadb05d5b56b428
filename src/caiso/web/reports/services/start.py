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
from caiso.web.soc.models import Source

REMOVE_DEMO = "reports.remove_demo"
LOAD_DEMO = "reports.load_demo"
CHOICE_SETTING = "start.choice"


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


def keep_choice(choice: str, *, actor: User, now: datetime) -> None:
    """Remember that somebody chose between looking at the demo and starting empty; the first screen asks once."""
    change_setting(CHOICE_SETTING, choice, actor=actor, now=now)


@transaction.atomic
def ask_to_remove_demo(*, actor: User, now: datetime) -> Job:
    """Put the removal of the demo in the queue; asking again while it waits does nothing."""
    keep_choice("empty", actor=actor, now=now)
    return _under_way(REMOVE_DEMO) or enqueue(REMOVE_DEMO, {"by": actor.pk}, actor=actor, max_attempts=2, now=now)


@transaction.atomic
def ask_to_load_demo(*, actor: User, now: datetime) -> Job:
    """Put the loading of the demo in the queue; asking again while it waits does nothing."""
    if Source.objects.filter(is_demo=False, events__gt=0).exists():
        raise UnableToStart(
            "telemetry of your own arrives here already: look at the demo in a data directory of its own"
        )
    keep_choice("demo", actor=actor, now=now)
    return _under_way(LOAD_DEMO) or enqueue(LOAD_DEMO, actor=actor, max_attempts=2, now=now)


def _under_way(kind: str) -> Job | None:
    return Job.objects.filter(kind=kind, state__in=[Job.State.WAITING, Job.State.RUNNING]).first()
