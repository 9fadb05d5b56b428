"""Request logs of the Kong gateway: with its statistics of AI a call of a model, without them a request that a server took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import spoken
from caiso.connect.telemetry.decode.shapes.values import first, moment, number, part, text, told, whole
from caiso.connect.telemetry.decode.times import nanoseconds
from caiso.connect.telemetry.meaning import address

_SIGNS: Final = ("latencies", "started_at", "consumer", "route", "service")
_PLUGINS: Final = ("proxy", "ai-proxy", "ai-proxy-advanced")


def is_one(document: dict[str, Any]) -> bool:
    """Request and answer are objects, and Kong's own measures stand beside."""
    return (
        isinstance(document.get("request"), dict)
        and isinstance(document.get("response"), dict)
        and sum(name in document for name in _SIGNS) >= 2
        and "started_at" in document
    )


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One request; raises ``UnableToAccept``."""
    request, response = part(document, "request"), part(document, "response")
    route, service, consumer = part(document, "route"), part(document, "service"), part(document, "consumer")
    headers = part(request, "headers")
    started = nanoseconds(moment(document, "started_at"))
    took = number(part(document, "latencies"), "request") or 0
    status = whole(response, "status")
    base = told(
        time=started,
        end_time=started + max(0, int(1e6 * took)),
        service__name=text(route, "name") or text(service, "name"),
        user__id=text(consumer, "username", "custom_id"),
        api_key__id=text(part(document, "authenticated_entity"), "id"),
        client__address=text(document, "client_ip"),
        user_agent__original=text(headers, "user-agent"),
        http__response__status_code=status,
        http__request__id=text(request, "id"),
        kong__workspace=text(document, "workspace_name") or text(document, "workspace"),
    )
    statistics = _statistics(document)
    return base | (_call(document, statistics, service, status) if statistics else _plain(request, response, headers))


def _statistics(document: dict[str, Any]) -> Mapping[str, Any]:
    """What the plugin that asked the model tells; of several the first that names a model."""
    found = document.get("ai")
    if not isinstance(found, Mapping):
        return {}
    told_by = [found[name] for name in _PLUGINS if isinstance(found.get(name), Mapping)]
    told_by += [one for one in found.values() if isinstance(one, Mapping) and isinstance(one.get("meta"), Mapping)]
    return next((one for one in told_by if isinstance(one.get("meta"), Mapping)), {})


def _call(
    document: dict[str, Any], plugin: Mapping[str, Any], service: dict[str, Any], status: int | None
) -> dict[str, Any]:
    about, usage = part(plugin, "meta"), part(plugin, "usage")
    payload = part(plugin, "payload")
    whole_ai = document["ai"]
    outer = whole_ai.get("payload") if isinstance(whole_ai.get("payload"), Mapping) else {}
    said = spoken.asked(first(payload, "request") or first(outer, "request")) | spoken.answered(
        first(payload, "response")
    )
    details = part(usage, "completion_tokens_details")
    return {
        **{name: value for name, value in said.items() if value is not None},
        **told(
            event__kind="inference",
            name="kong ai",
            gen_ai__operation__name="chat",
            gen_ai__provider__name=text(about, "provider_name"),
            gen_ai__request__model=text(about, "request_model"),
            gen_ai__response__model=text(about, "response_model"),
            gen_ai__usage__input_tokens=whole(usage, "prompt_tokens", "prompt_token"),
            gen_ai__usage__output_tokens=whole(usage, "completion_tokens", "completion_token"),
            gen_ai__usage__reasoning__output_tokens=whole(details, "reasoning_tokens"),
            server__address=text(service, "host"),
            error__type=str(status) if status is not None and status >= 400 else None,
        ),
    }


def _plain(request: dict[str, Any], response: dict[str, Any], headers: dict[str, Any]) -> dict[str, Any]:
    url = text(request, "url")
    return told(
        event__kind="http",
        http__request__method=text(request, "method"),
        url__full=url,
        **(address.parts(url) if url else {}),
        http__request__header__referer=text(headers, "referer"),
        http__response__body__size=whole(response, "size"),
    )
