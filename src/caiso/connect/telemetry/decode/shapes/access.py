"""Access logs in JSON: nginx names its fields by its variables, Envoy by its command operators; both are requests that a server took.

Neither product has one fixed JSON form, because operators choose names. Read are the names of nginx's variables and those that the
Kubernetes ingress and Envoy's and Istio's documentation use.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from caiso.connect.telemetry.decode.shapes.values import address_only, first, moment, number, text, told, whole
from caiso.connect.telemetry.decode.times import nanoseconds
from caiso.connect.telemetry.meaning import address
from caiso.connect.telemetry.records import UnableToAccept

_METHOD = ("request_method", "method")
_TARGET = (
    "request_uri",
    "x_envoy_original_path",
    "x-envoy-original-path",
    "x-envoy-origin-path",
    "path",
    ":path",
    "uri",
)
_STATUS = ("status", "response_code")
_TIMES = ("time_iso8601", "start_time", "msec", "time_local", "@timestamp", "timestamp", "time")
_INTERNAL: Final = tuple(
    map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
                     "fc00::/7", "fe80::/10", "::1/128"))
)  # fmt: skip
_FORWARDED = ("http_x_forwarded_for", "x_forwarded_for")
_SESSION = ("http_mcp_session_id", "mcp_session_id", "mcp-session-id")
_NGINX = ("remote_addr", "request_uri", "http_user_agent", "body_bytes_sent", "request_time")
_ENVOY = ("response_flags", "response_code", "upstream_cluster", "downstream_remote_address", "authority")


def is_one(document: dict[str, Any]) -> bool:
    """Whether the names are those of an access log; two that only such a log has must be there."""
    if "event.kind" in document or "attributes" in document:
        return False
    nginx = sum(name in document for name in _NGINX)
    envoy = sum(name in document for name in _ENVOY)
    return max(nginx, envoy) >= 2 or ("remote_addr" in document and "request" in document)


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One request; raises ``UnableToAccept``."""
    is_envoy = any(name in document for name in _ENVOY)
    method, target = _request(document)
    host = text(
        document, "host", "http_host", "authority", ":authority", "vhost", "server_name", "requested_server_name"
    )
    scheme = text(document, "scheme")
    if target.startswith("/") and host:
        url: str | None = f"{scheme or 'http'}://{host}{target}"
    else:
        url = target if "://" in target else None
    start = nanoseconds(moment(document, *_TIMES))
    return told(
        time=start,
        end_time=start + _took(document, is_envoy=is_envoy),
        trace_id=text(document, "trace_id"),
        event__kind="http",
        service__name=text(document, "service.name", "route_name", "server_name", "vhost") or _host(host),
        http__request__method=method,
        url__full=url,
        **_parts(target, document),
        server__address=_host(host),
        client__address=_client(document),
        user__id=_signed_in(
            document, "remote_user", "user", "requested_by", "x-user-id", "authenticated_user", "jwt_subject"
        ),
        api_key__id=_signed_in(document, "api_key_id", "key_id", "api_key_name"),
        user_agent__original=text(document, "http_user_agent", "user_agent", "user-agent"),
        http__request__header__referer=text(document, "http_referer", "http_referrer", "referer"),
        http__response__status_code=whole(document, *_STATUS),
        http__response__body__size=whole(document, "body_bytes_sent", "bytes_sent"),
        http__request__id=text(document, "request_id", "req_id", "x_request_id", "x-request-id"),
        mcp__session__id=text(document, *_SESSION),
        http__request__forwarded_for=text(document, *_FORWARDED),
        envoy__response_flags=text(document, "response_flags"),
        gen_ai__request__model=text(document, "gen_ai.request.model"),  # as gateways for models log them beside
        gen_ai__usage__input_tokens=whole(document, "gen_ai.usage.input_tokens"),
        gen_ai__usage__output_tokens=whole(document, "gen_ai.usage.output_tokens"),
    )


def _signed_in(document: dict[str, Any], *names: str) -> str | None:
    """Who signed in, or by which key; a dash stands for nobody."""
    return next((found for name in names if (found := text(document, name)) and found != "-"), None)


def _request(document: dict[str, Any]) -> tuple[str | None, str]:
    """Method and target, from fields of their own or from the request line."""
    method, target = text(document, *_METHOD), text(document, *_TARGET)
    line = first(document, "request")
    if isinstance(line, str):
        words = line.split(" ")
        if len(words) >= 2:
            method, target = method or words[0], target or words[1]
        else:  # what a scanner sends to a port that it takes for another: the whole of it is all there is
            target = target or line
    if target is None:
        raise UnableToAccept(f"is an access log without a request, expected one of request, {', '.join(_TARGET)}")
    return method, target


def _client(document: dict[str, Any]) -> str | None:
    """Who asked; where only a balancer of the own house is seen, the last public address that it was handed on for.

    The last, because what stands before it is whatever the client claims.
    """
    peer = address_only(text(document, "remote_addr", "downstream_remote_address", "client_ip"))
    handed_on = text(document, *_FORWARDED)
    if not handed_on or (peer and not _is_internal(peer)):
        return peer
    named = [address_only(part.strip()) or "" for part in handed_on[-400:].split(",")]
    return next((part for part in reversed(named) if part and not _is_internal(part)), peer)


def _is_internal(found: str) -> bool:
    """Whether it is an address of a private network, or none at all."""
    try:
        address_of_peer = ip_address(found)
    except ValueError:
        return True
    return any(address_of_peer in network for network in _INTERNAL)


def _parts(target: str, document: dict[str, Any]) -> dict[str, str | None]:
    found = address.parts(target)
    query = found.get("url.query") or text(document, "args", "query_string", "request_query")
    return {
        "url__path": found.get("url.path") or target,
        "url__query": query,
        "url__extension": found.get("url.extension"),
    }


def _host(host: str | None) -> str | None:
    try:
        return (urlsplit(f"//{host}").hostname or host) if host else None
    except ValueError:
        return host


def _took(document: dict[str, Any], *, is_envoy: bool) -> int:
    """Nanoseconds: nginx counts seconds, Envoy milliseconds."""
    seconds = number(document, "request_time")
    milliseconds = number(document, "duration") if is_envoy and seconds is None else None
    return max(0, int(1e6 * milliseconds) if milliseconds is not None else int(1e9 * (seconds or 0)))
