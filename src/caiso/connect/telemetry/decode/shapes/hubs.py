"""Webhooks of Hugging Face's hub, and notifications of registries of containers, in which models are kept as well (``events``)."""

from __future__ import annotations

import re
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import address_only, first, moment, part, text, told
from caiso.connect.telemetry.meaning.messages import dump
from caiso.connect.telemetry.records import UnableToAccept

_ACTS: Final = frozenset(("push", "pull", "mount", "delete"))
_MODELS: Final = re.compile(r"(?i)(?:^|[-_/])(?:models?|llms?|weights|adapters?|checkpoints?)(?:[-_/]|$)")
_TIMES: Final = ("createdAt", "timestamp", "time", "received_at")
_MOST: Final = 1_000


def is_one(document: dict[str, Any]) -> bool:
    """An act with its scope on a repository, or a list of acts on targets."""
    act, listed = document.get("event"), document.get("events")
    if isinstance(act, dict):
        return "action" in act and isinstance(document.get("repo"), dict)
    head = listed[0] if isinstance(listed, list) and listed else None
    return isinstance(head, dict) and str(head.get("action")) in _ACTS and isinstance(head.get("target"), dict)


def read(document: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
    """One act, or each of several; raises ``UnableToAccept``."""
    listed = document.get("events")
    if not isinstance(listed, list):
        return _hub(document)
    if len(listed) > _MOST:
        raise UnableToAccept(f"events holds {len(listed)} records, at most {_MOST} are taken")
    return [_notice(one) for one in listed if isinstance(one, dict)]


def _hub(document: dict[str, Any]) -> dict[str, Any]:
    act, repo = part(document, "event"), part(document, "repo")
    name, kind = text(repo, "name"), text(repo, "type")
    if not name:
        raise UnableToAccept("repo.name must not be empty, without it nobody knows what was changed")
    scope, is_data = text(act, "scope") or "repo", kind == "dataset"
    changed = part(document, "updatedConfig")
    author = first(document, "author", "user")
    who = text(author, "name", "email", "id") if isinstance(author, dict) else text(document, "author", "user")
    return told(
        time=moment(document, *_TIMES),
        name=f"hub {scope}"[:200],
        event__kind="config" if changed else "data_access" if is_data else "registry",
        service__name="huggingface",
        action=f"{text(act, 'action')}_{scope.replace('.', '_')}",
        model__id=name if kind == "model" else None,
        model__version=text(repo, "headSha") if kind == "model" else None,
        dataset__id=name if is_data else None,
        dataset__version=text(repo, "headSha") if is_data else None,
        artifact__uri=text(part(repo, "url"), "web"),
        writer=who,
        user__id=who,
        config__target=f"repo/{name}" if changed else None,
        config__new=dump(changed) if changed else None,
    )


def _notice(one: dict[str, Any]) -> dict[str, Any]:
    target, request = part(one, "target"), part(one, "request")
    name, digest = text(target, "repository"), text(target, "digest")
    if not name:
        raise UnableToAccept("target.repository must not be empty, without it nobody knows what was moved")
    who = text(part(one, "actor"), "name")
    return told(
        time=moment(one, *_TIMES),
        name="registry notification",
        event__kind="registry",
        service__name=text(request, "host"),
        action=text(one, "action"),
        artifact__uri=f"oci://{name}@{digest}" if digest else f"oci://{name}",
        artifact__digest=digest,
        artifact__format=text(target, "mediaType"),
        model__id=name if _MODELS.search(name) else None,
        model__version=text(target, "tag") if _MODELS.search(name) else None,
        writer=who,
        user__id=who,
        client__address=address_only(text(request, "addr")),
        user_agent__original=text(request, "useragent"),
        event__uid=text(one, "id"),
    )
