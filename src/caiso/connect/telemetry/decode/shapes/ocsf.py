"""Events of the Open Cybersecurity Schema Framework: the classes that have a counterpart among our kinds of events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes import ocsf_hosts
from caiso.connect.telemetry.decode.shapes.cloudtrail import ASKS_MODEL, BEDROCK, asking
from caiso.connect.telemetry.decode.shapes.values import first, moment, part, text, told, whole
from caiso.connect.telemetry.meaning import address
from caiso.connect.telemetry.meaning.messages import dump
from caiso.connect.telemetry.meaning.runtimes import works_for_ai
from caiso.connect.telemetry.places import number_of
from caiso.connect.telemetry.records import UnableToAccept

_LAUNCH: Final = 1
_GENERATIONS: Final = 8
_RECIPIENTS: Final = 64
_OUTGOING: Final = {1: "inbound", 2: "outbound", 3: "internal"}
_APPROVALS: Final = (
    "approval_id",
    "approval",
    "change_id",
    "change_number",
    "change_ticket",
    "ticket",
    "change",
    "approved_by",
)
_FAILURE: Final = 2


def is_one(document: dict[str, Any]) -> bool:
    """Every OCSF event names its class."""
    return "class_uid" in document and (
        "metadata" in document or "category_uid" in document or "activity_id" in document
    )


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One event; raises ``UnableToAccept``, also for the classes that mean nothing to us."""
    uid = whole(document, "class_uid")
    reader = _CLASSES.get(uid or 0)
    if reader is None and uid in ocsf_hosts.UNUSED:
        raise UnableToAccept(f"class_uid {uid} of OCSF has no counterpart here: {ocsf_hosts.UNUSED[uid]}")
    if reader is None:
        known = ", ".join(str(one) for one in _CLASSES)
        raise UnableToAccept(f"class_uid {uid} of OCSF has no counterpart here, expected one of {known}")
    found = told(
        time=moment(document, "time", "start_time", "time_dt"),
        end_time=first(document, "end_time"),
        trace_id=text(part(document, "metadata"), "correlation_uid", "trace_uid"),
        name=f"ocsf {uid}",
        client__address=text(part(document, "src_endpoint"), "ip", "hostname"),
        client__geo__country_iso_code=text(part(part(document, "src_endpoint"), "location"), "country"),
        user__id=_user(part(document, "actor")),
        api_key__id=text(part(part(document, "actor"), "user"), "credential_uid"),
        error__type=_error(document),
        cloud__provider=_lower(text(part(document, "cloud"), "provider")),
        cloud__account__id=text(part(part(document, "cloud"), "account"), "uid")
        or text(part(part(part(document, "actor"), "user"), "account"), "uid"),
        ocsf__class_uid=uid,
        ocsf__activity=_activity(document),
        ocsf__uid=text(part(document, "metadata"), "uid"),
    )
    return {**found, **reader(document)}


def _api(document: dict[str, Any]) -> dict[str, Any]:
    """API activity; with the profile for AI and a message in it, it is a call of a model."""
    api, context = part(document, "api"), part(document, "message_context")
    service = text(part(api, "service"), "name")
    found = told(
        event__kind="api",
        service__name=service,
        api__operation=text(api, "operation"),
        api__service__name=service,
        user_agent__original=text(part(document, "http_request"), "user_agent"),
        gen_ai__request__model=_named_model(document),
        ocsf__resources=_resources(document),
        **_change(document),
    )
    if "api.operation" not in found:
        raise UnableToAccept("api.operation is missing, without it nobody knows what was called")
    if not context and found["api.operation"] in ASKS_MODEL and str(service or "").startswith(BEDROCK):
        return {**found, **asking(_user(part(document, "actor")))}
    return {**found, **_model(document, context)} if context else found


def _change(document: dict[str, Any]) -> dict[str, Any]:
    """What a call changed from what to what, and the change or approval that it belongs to, where a product tells so beside."""
    beside = document.get("unmapped")
    if not isinstance(beside, dict):
        return {}
    approval = next(
        (str(beside[name]) for name in _APPROVALS if isinstance(beside.get(name), str) and beside[name]), None
    )
    pairs: dict[str, Any] = next(
        (beside[name] for name in ("change", "changes", "diff") if isinstance(beside.get(name), dict)), {}
    )
    turned = {name: pair for name, pair in pairs.items() if isinstance(pair, list) and len(pair) == 2}
    if not turned:
        return {"aisoc__approval__id": approval}
    return {
        "aisoc__approval__id": approval,
        "config__target": next(iter(_resources(document) or ()), None),
        "config__old": dump({name: pair[0] for name, pair in turned.items()}),
        "config__new": dump({name: pair[1] for name, pair in turned.items()}),
    }


def _model(document: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    agent, application = part(document, "ai_agent"), context.get("application")
    model = part(document, "ai_model") or part(agent, "ai_model")
    return told(
        event__kind="inference",
        gen_ai__operation__name="chat",
        service__name=text(application, "name") if isinstance(application, dict) else text(context, "application"),
        gen_ai__request__model=text(model, "name", "uid"),
        gen_ai__provider__name=_lower(text(model, "ai_provider")),
        gen_ai__agent__name=text(agent, "name"),
        gen_ai__agent__id=text(agent, "uid"),
        gen_ai__conversation__id=text(context, "uid"),
        gen_ai__usage__input_tokens=whole(context, "prompt_tokens"),
        gen_ai__usage__output_tokens=whole(context, "completion_tokens"),
        content__user=text(context, "prompt_text"),
        content__output=text(context, "response_text"),
    )


def _http(document: dict[str, Any]) -> dict[str, Any]:
    """HTTP activity, and activity on web resources."""
    request, response = part(document, "http_request"), part(document, "http_response")
    url = part(request, "url")
    full = text(url, "url_string") or _first_resource(document)
    parts = address.parts(full) if full else {}
    host = (
        text(url, "hostname", "domain")
        or parts.get("server.address")
        or text(part(document, "dst_endpoint"), "hostname", "ip")
    )
    path = text(url, "path") or parts.get("url.path")
    if not (full or path):
        raise UnableToAccept("http_request.url is missing, expected url_string or path in it")
    return told(
        event__kind="http",
        service__name=host,
        http__request__method=text(request, "http_method"),
        url__full=full if full and "://" in full else None,
        url__path=path,
        url__query=text(url, "query_string") or parts.get("url.query") or text(request, "args"),
        url__extension=parts.get("url.extension") or (address.parts(path).get("url.extension") if path else None),
        server__address=host,
        user_agent__original=text(request, "user_agent"),
        http__request__header__referer=text(request, "referrer"),
        http__response__status_code=whole(response, "code") or whole(document, "status_code"),
        http__response__body__size=whole(response, "body_length", "length"),
    )


def _process(document: dict[str, Any]) -> dict[str, Any]:
    """The start of a process is what an agent's command line is: something that ran; what else a process does is only kept."""
    process = part(document, "process")
    file = part(process, "file")
    parent = part(process, "parent_process") or part(part(document, "actor"), "process")
    started = whole(document, "activity_id") == _LAUNCH
    line, path = text(process, "cmd_line"), text(file, "path") or text(process, "path")
    if started and not (line or path or text(process, "name")):
        raise UnableToAccept("process.cmd_line and process.file.path are missing, nothing says what ran")
    return told(
        event__kind="tool" if started else None,
        aisoc__tool__impact="exec" if started else None,
        process__command_line=line,
        # Rules about what agents run look there; on a machine without any, the same commands are administration.
        gen_ai__tool__call__arguments={"command": line}
        if started and line and works_for_ai(line, *_chain(document, process))
        else None,
        process__executable__path=path or text(file, "name") or text(process, "name"),
        process__parent=text(part(parent, "file"), "path", "name") or text(parent, "name"),
        user__id=_name(part(process, "user")) or _user(part(document, "actor")),
        host__name=text(part(document, "device"), "hostname", "name"),
    )


def _chain(document: dict[str, Any], process: dict[str, Any]) -> list[str | None]:
    """Who a process belongs to, and the programs it descends from, as far as a sensor tells."""
    actor = part(document, "actor")
    names = [
        _name(part(process, "user")),
        _name(part(actor, "user")),
        text(part(process, "container"), "name"),
        text(part(part(process, "container"), "image"), "name"),
        *(_program(one) for one in (part(actor, "process"), process)),
    ]
    parent = part(process, "parent_process")
    for _ in range(_GENERATIONS):
        if not parent:
            break
        names += [_program(parent), text(parent, "cmd_line")]
        parent = part(parent, "parent_process")
    lineage = process.get("lineage")
    ancestry = process.get("ancestry")
    names += [one for one in lineage[:_GENERATIONS] if isinstance(one, str)] if isinstance(lineage, list) else []
    names += (
        [_program(one) for one in ancestry[:_GENERATIONS] if isinstance(one, dict)]
        if isinstance(ancestry, list)
        else []
    )
    return names


def _program(process: dict[str, Any]) -> str | None:
    return text(part(process, "file"), "path", "name") or text(process, "path", "name")


def _login(document: dict[str, Any]) -> dict[str, Any]:
    return told(
        event__kind="authz",
        action=_activity(document) or "authenticate",
        user__id=_name(part(document, "user")) or _user(part(document, "actor")),
        api__service__name=text(part(document, "service"), "name"),
        server__address=text(part(document, "dst_endpoint"), "hostname", "ip"),
        user_agent__original=text(part(document, "http_request"), "user_agent"),
    )


def _data(document: dict[str, Any]) -> dict[str, Any]:
    """Access to a database, a bucket or a table."""
    names = [text(part(document, kind), "name", "uid") for kind in ("database", "databucket", "table")]
    dataset = "/".join(name for name in names if name)
    if not dataset:
        raise UnableToAccept("database, databucket and table are missing, nothing says which data it was")
    activity = _activity(document)
    writes = activity in ("update", "write", "create", "delete", "encrypt")
    return told(
        event__kind="data_access",
        dataset__id=dataset,
        action=activity,
        writer=_user(part(document, "actor")) if writes else None,
        db__query__text=text(part(document, "query_info"), "query_string"),
        bytes=whole(part(document, "query_info"), "bytes"),
    )


def _file(document: dict[str, Any]) -> dict[str, Any]:
    """A file is data that somebody reads or writes."""
    activity, found = _activity(document), ocsf_hosts.file_activity(document)
    writes = activity in ("create", "update", "delete", "rename", "encrypt")
    return {**found, **told(action=activity, writer=_user(part(document, "actor")) if writes else None)}


def _job(document: dict[str, Any]) -> dict[str, Any]:
    return ocsf_hosts.scheduled_job(document, _activity(document))


def _account(document: dict[str, Any]) -> dict[str, Any]:
    return ocsf_hosts.account(document, _activity(document))


def _mail(document: dict[str, Any]) -> dict[str, Any]:
    """A mail that a server took or delivered: between whom, and a number for its subject, which is content."""
    email = part(document, "email")
    sender, recipients = text(email, "from", "smtp_from"), _addresses(email, "to", "smtp_to")
    if not (sender and recipients):
        raise UnableToAccept("email.from and email.to are missing, nothing says between whom the mail went")
    subject = text(email, "subject")
    return told(
        event__kind="api",
        api__operation="deliver mail",
        api__service__name=text(part(part(document, "metadata"), "product"), "name"),
        mail__from=sender,
        mail__to=recipients,
        mail__copied=_addresses(email, "cc") + _addresses(email, "bcc") or None,
        mail__about=number_of(subject.strip()) if subject else None,
        mail__outgoing=_OUTGOING.get(whole(document, "direction_id") or 0),
    )


def _addresses(email: dict[str, Any], *names: str) -> list[str]:
    """Recipients, whether they are listed or one text."""
    value: Any = next((email[name] for name in names if email.get(name)), [])
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return [one[:320] for one in given[:_RECIPIENTS] if isinstance(one, str) and "@" in one]


_CLASSES: Final[dict[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    1001: _file, 1006: _job, 1007: _process, 3001: _account, 3002: _login, 3005: _account, 3006: _account,
    4001: ocsf_hosts.connection, 4002: _http, 4003: ocsf_hosts.lookup, 4009: _mail, 6001: _http, 6003: _api, 6005: _data,
}  # fmt: skip
_ACTIVITIES: Final = {
    1001: ("create", "read", "update", "delete", "rename", "set attributes", "set security", "get attributes", "get security", "encrypt",
           "decrypt", "mount", "unmount", "open"),
    1006: ("create", "update", "delete", "enable", "disable", "start"),
    3001: ("create", "enable", "password change", "password reset", "disable", "delete", "attach policy", "detach policy", "lock",
           "mfa factor enable", "mfa factor disable", "unlock"),
    3005: ("assign privileges", "revoke privileges"),
    3006: ("assign privileges", "revoke privileges", "add user to group", "remove user from group", "delete", "create"),
    4001: ("open", "close", "reset", "fail", "refuse", "traffic", "listen"),
    1007: ("launch", "terminate", "open", "inject", "set user id"),
    3002: ("logon", "logoff", "authentication ticket", "service ticket request", "service ticket renew", "preauth"),
    4002: ("connect", "delete", "get", "head", "options", "post", "put", "trace"),
    6001: ("create", "read", "update", "delete", "search", "import", "export", "share"),
    6003: ("create", "read", "update", "delete"),
    6005: ("read", "update", "connect", "query", "write", "create", "delete", "list", "encrypt", "decrypt"),
}  # fmt: skip


def _activity(document: dict[str, Any]) -> str | None:
    """The activity in lower case, by its name, else by its number."""
    named = text(document, "activity_name")
    place, names = whole(document, "activity_id"), _ACTIVITIES.get(whole(document, "class_uid") or 0, ())
    return _lower(named) or (names[place - 1] if place and 0 < place <= len(names) else None)


def _error(document: dict[str, Any]) -> str | None:
    told_by_api = text(part(part(document, "api"), "response"), "error")
    if told_by_api or whole(document, "status_id") == _FAILURE or _lower(text(document, "status")) == "failure":
        return told_by_api or text(document, "status_code", "status_detail") or "failure"
    return None


def _user(actor: dict[str, Any]) -> str | None:
    return _name(part(actor, "user")) or text(actor, "invoked_by", "app_name")


def _name(user: dict[str, Any]) -> str | None:
    return text(user, "name", "email_addr", "uid", "uid_alt")


def _resources(document: dict[str, Any]) -> list[str] | None:
    listed = document.get("resources")
    found = [text(one, "name", "uid") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return [name for name in found[:32] if name] or None


def _named_model(document: dict[str, Any]) -> str | None:
    """The model that a call of a provider's interface was about, where a resource says that it is one."""
    listed = document.get("resources")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return next((text(one, "name", "uid") for one in found if "model" in str(one.get("type") or "").lower()), None)


def _first_resource(document: dict[str, Any]) -> str | None:
    listed = document.get("web_resources")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return text(found[0], "url_string") if found else None


def _lower(value: str | None) -> str | None:
    return value.lower() if value else None
