"""Logs of web proxies that look into encrypted traffic: with the bodies of a request to a model that speaks, a call of it.

There is no standard for them. A line counts as one when it names an address and has the body of a request that asks such a model
and that of its answer; which program of which machine asked is what a proxy knows and a provider does not.
"""

from __future__ import annotations

from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import spoken
from caiso.connect.telemetry.decode.shapes.values import address_only, first, moment, text, told, whole
from caiso.connect.telemetry.meaning import address
from caiso.connect.telemetry.meaning.messages import load

_ADDRESS: Final = ("url", "url.full", "request_url", "uri", "cs_uri")
_ASKED: Final = ("request_body", "req_body", "requestBody", "request_payload", "http.request.body.content", "cs_body")
_ANSWERED: Final = (
    "response_body",
    "resp_body",
    "responseBody",
    "response_payload",
    "http.response.body.content",
    "sc_body",
)
_TIMES: Final = ("timestamp", "@timestamp", "time", "ts", "event_time", "start_time")


def is_one(document: dict[str, Any]) -> bool:
    """An address, and bodies as a model that speaks takes and gives them."""
    if "event.kind" in document or not any(isinstance(document.get(name), str) for name in _ADDRESS):
        return False
    asked = first(document, *_ASKED)
    return asked is not None and first(document, *_ANSWERED) is not None and spoken.is_asked(load(asked))


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One call; raises ``UnableToAccept``."""
    body = load(first(document, *_ASKED))
    asked = spoken.asked(body) | spoken.answered(first(document, *_ANSWERED))
    status = whole(document, "status", "status_code", "response_code", "sc_status")
    url = str(text(document, *_ADDRESS))
    model = body.get("model") if isinstance(body, dict) else None
    return {
        **{name: value for name, value in asked.items() if value is not None},
        **told(
            time=moment(document, *_TIMES),
            name="web proxy",
            event__kind="inference",
            gen_ai__operation__name="chat",
            gen_ai__request__model=model if isinstance(model, str) else None,
            server__address=address.parts(url).get("server.address"),
            user__id=text(document, "user", "user_name", "username", "src_user", "cs_username"),
            client__address=address_only(text(document, "src_ip", "client_ip", "source_ip", "c_ip")),
            user_agent__original=text(document, "user_agent", "http_user_agent", "cs_user_agent"),
            host__name=text(document, "src_host", "hostname", "client_host"),
            process__executable__path=text(document, "process", "process_name", "application"),
            error__type=str(status) if status is not None and status >= 400 else None,
        ),
    }
