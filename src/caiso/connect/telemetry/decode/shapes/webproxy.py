"""Logs of web proxies that look into encrypted traffic: with the bodies of a request to a model that speaks, a call of it.

There is no standard for them. A line counts as one when it names an address and has the body of a request that asks such a model
and that of its answer; which program of which machine asked is what a proxy knows and a provider does not. So does one about what a
provider keeps for its clients, with a body: whoever reads and writes there may talk to somebody else.
"""

from __future__ import annotations

import re
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import spoken
from caiso.connect.telemetry.decode.shapes.values import address_only, first, moment, text, told, whole
from caiso.connect.telemetry.meaning import address
from caiso.connect.telemetry.meaning.messages import dump, load

_ADDRESS: Final = ("url", "url.full", "request_url", "uri", "cs_uri")
_ASKED: Final = (
    "request_body",
    "req_body",
    "requestBody",
    "request_payload",
    "http.request.body.content",
    "cs_body",
    "request_excerpt",
    "request_body_excerpt",
    "request_snippet",
)
_ANSWERED: Final = (
    "response_body",
    "resp_body",
    "responseBody",
    "response_payload",
    "http.response.body.content",
    "sc_body",
    "response_excerpt",
    "response_body_excerpt",
    "response_snippet",
)
_TIMES: Final = ("timestamp", "@timestamp", "time", "ts", "event_time", "start_time")


# What providers of models keep for their clients: assistants, threads with messages, stores, files.
_KEPT: Final = re.compile(
    r"(?i)^https://(?:[a-z0-9-]{1,60}\.)?(?:openai\.com|openai\.azure\.com|anthropic\.com|mistral\.ai|x\.ai|groq\.com|together\.(?:ai|xyz)|googleapis\.com)"
    r"/(?:openai/)?v1(?:beta)?/(?:assistants|threads|vector_stores|files|conversations|agents|skills|containers|cachedContents)(?:[/?]|$)"
)


def is_one(document: dict[str, Any]) -> bool:
    """An address, and bodies as a model that speaks takes and gives them, or what a provider keeps."""
    if "event.kind" in document or not any(isinstance(document.get(name), str) for name in _ADDRESS):
        return False
    kept = _KEPT.match(str(text(document, *_ADDRESS))) and _body(document, *_ASKED, *_ANSWERED)
    return bool(kept) or _is_call(document)


def _is_call(document: dict[str, Any]) -> bool:
    asked = first(document, *_ASKED)
    return asked is not None and first(document, *_ANSWERED) is not None and spoken.is_asked(load(asked))


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One call; raises ``UnableToAccept``."""
    url = str(text(document, *_ADDRESS))
    if not _is_call(document):
        return _kept(document, url)
    body = load(first(document, *_ASKED))
    asked = spoken.asked(body) | spoken.answered(first(document, *_ANSWERED))
    status = whole(document, "status", "status_code", "response_code", "sc_status")
    model = body.get("model") if isinstance(body, dict) else None
    return {
        **{name: value for name, value in asked.items() if value is not None},
        **told(
            time=moment(document, *_TIMES),
            name="web proxy",
            event__kind="inference",
            gen_ai__operation__name="chat",
            gen_ai__request__model=model if isinstance(model, str) else None,
            **_asker(document, url),
            error__type=str(status) if status is not None and status >= 400 else None,
        ),
    }


def _kept(document: dict[str, Any], url: str) -> dict[str, Any]:
    """A request about what a provider keeps, with what was put there and what was taken."""
    parts = address.parts(url)
    return told(
        time=moment(document, *_TIMES),
        name="web proxy",
        event__kind="http",
        http__request__method=text(document, "method", "http_method", "request_method", "cs_method"),
        url__full=url,
        url__path=parts.get("url.path"),
        url__query=parts.get("url.query"),
        http__response__status_code=whole(document, "status", "status_code", "response_code", "sc_status"),
        content__user=_body(document, *_ASKED),
        content__output=_body(document, *_ANSWERED),
        **_asker(document, url),
    )


def _body(document: dict[str, Any], *names: str) -> str | None:
    found = first(document, *names)
    return None if found is None else found if isinstance(found, str) else dump(found)


def _asker(document: dict[str, Any], url: str) -> dict[str, Any]:
    """Who asked whom, by which program of which machine."""
    return {
        "server__address": address.parts(url).get("server.address"),
        "user__id": text(document, "user", "user_name", "username", "src_user", "cs_username"),
        "client__address": address_only(text(document, "src_ip", "client_ip", "source_ip", "c_ip")),
        "user_agent__original": text(document, "user_agent", "http_user_agent", "cs_user_agent"),
        "host__name": text(document, "src_host", "hostname", "client_host"),
        "process__executable__path": text(document, "process", "process_name", "application"),
    }
