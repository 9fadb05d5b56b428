"""OpenAI's audit log: what was changed in an organisation, by whom and with which key (``type``, ``effective_at``, ``actor``)."""

from __future__ import annotations

import re
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import moment, part, text, told
from caiso.connect.telemetry.meaning.messages import dump

_AUTHORISES: Final = re.compile(
    r"(?:api_key|service_account|invite|user|role|role_assignment|group|login|logout|permission|scim)(?:\.|$)|\.permission\."
)
_TRAINS: Final = re.compile(r"fine_?tun|training")
_CHANGES: Final = re.compile(
    r"(?:organization|project|rate_limit|ip_allowlist|certificate|certificates|external_key|tunnel)(?:\.|$)"
)
_VERSION: Final = re.compile(r"(?P<set>.{2,200}?)[-_.](?P<version>v[0-9]{1,6}|[0-9]{8})\.(?:jsonl|json|csv|parquet)")


def is_one(document: dict[str, Any]) -> bool:
    """Every record says when it took effect, by whom, and of which type it is."""
    return (
        "effective_at" in document and isinstance(document.get("type"), str) and isinstance(document.get("actor"), dict)
    )


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One record; raises ``UnableToAccept``."""
    act = text(document, "type") or ""
    actor = part(document, "actor")
    session, key = part(actor, "session"), part(actor, "api_key")
    who = text(part(session, "user"), "email", "id") or text(part(key, "user"), "email", "id")
    service = text(part(key, "service_account"), "id")
    detail: dict[str, Any] = next(
        (document[name] for name in (act, "job", "data") if isinstance(document.get(name), dict)), {}
    )
    trains = _TRAINS.search(act) is not None
    changes = not trains and _CHANGES.match(act) is not None
    kind = "training" if trains else "config" if changes else "authz" if _AUTHORISES.search(act) else "api"
    return told(
        time=moment(document, "effective_at"),
        name=act[:200],
        event__kind=kind,
        service__name="openai",
        action=act,
        api__operation=act if kind == "api" else None,
        user__id=who or service,
        writer=(who or service) if trains else None,
        api_key__id=text(key, "id"),
        client__address=text(session, "ip_address"),
        client__geo__country_iso_code=text(part(session, "ip_address_details"), "country"),
        user_agent__original=text(session, "user_agent"),
        config__target="/".join(filter(None, (act.partition(".")[0], text(detail, "id")))) if changes else None,
        config__new=dump(changed) if changes and (changed := part(detail, "changes_requested")) else None,
        cloud__account__id=text(part(document, "project"), "id"),
        event__uid=text(document, "id"),
        **(_training(detail) if trains else {}),
    )


def _training(job: dict[str, Any]) -> dict[str, Any]:
    """The model that is tuned, and the set of data that the name of its file stands for."""
    file = text(job, "training_file")
    named = _VERSION.fullmatch(file) if file else None
    return told(
        model__id=text(job, "model", "base_model"),
        dataset__id=named["set"] if named else file,
        dataset__version=named["version"] if named else None,
    )
