"""What is taken out of content before it is stored, source by source."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from caiso.connect.telemetry.keys import KeyRing
from caiso.connect.telemetry.redaction import KINDS, Redactor
from caiso.errors import DomainError
from caiso.web.base.models import User
from caiso.web.base.services import audit
from caiso.web.config.environment import environment
from caiso.web.soc.models import Source


class UnableToSetRedaction(DomainError):
    """A kind of data that cannot be redacted."""


@transaction.atomic
def set_redaction(source: Source, kinds: Sequence[str], *, actor: User, now: datetime) -> Source:
    """From now on take these kinds of data out of what the source sends; what is stored already stays as it is."""
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise UnableToSetRedaction(f'"{unknown[0]}" cannot be redacted, expected one of {", ".join(KINDS)}')
    chosen = [kind for kind in KINDS if kind in kinds]
    before = list(source.redaction)
    if chosen == before:
        return source
    source.redaction = chosen
    source.save(update_fields=["redaction"])
    audit.record(
        actor=actor,
        verb="source.redaction",
        subject=source,
        changes={"redaction": [before, chosen]},
        unit=source.unit,
        now=now,
    )
    return source


def redaction_settings() -> dict[str, list[str]]:
    """{source id: kinds} of the sources that redact."""
    return dict(Source.objects.exclude(redaction=[]).values_list("slug", "redaction"))


def redactors(settings: dict[str, list[str]]) -> dict[str, Redactor]:
    """A redactor for each source that has one; kinds that this version does not know are left out."""
    if not settings:
        return {}
    secret = KeyRing(environment().data / "keys", "redaction").current().secret
    return {slug: Redactor([kind for kind in kinds if kind in KINDS], secret) for slug, kinds in settings.items()}
