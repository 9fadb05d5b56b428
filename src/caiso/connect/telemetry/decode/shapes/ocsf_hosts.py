"""OCSF's classes about hosts and accounts that have a counterpart among our kinds: files, connections, lookups of names, scheduled jobs, accounts."""

from __future__ import annotations

from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import part, text, told, whole
from caiso.connect.telemetry.places import owner
from caiso.connect.telemetry.records import UnableToAccept

_WEB_PORTS: Final = frozenset((80, 443, 8080, 8443))
_JOB_STARTS: Final = frozenset(("create", "update", "enable", "start", "register"))

# Classes that organisations send and that no rule asks for, with what to send in their place.
UNUSED: Final = {
    4011: "files of mails are judged where an agent opens them: send its tool calls",
    4012: "addresses in mails are judged where an agent opens them: send HTTP activity (4002)",
    2001: "findings of other products are no telemetry of AI; a scanner's verdict on a model comes as a plain event",
    2004: "findings of other products are no telemetry of AI; a scanner's verdict on a model comes as a plain event",
}


def file_activity(document: dict[str, Any]) -> dict[str, Any]:
    """What a process did with a file: access to data, with the file as its address."""
    file = part(document, "file")
    path = text(file, "path") or text(file, "name")
    if not path:
        raise UnableToAccept("file.path is missing, nothing says which file it was")
    process = part(part(document, "actor"), "process")
    hashes = file.get("hashes")
    first = hashes[0] if isinstance(hashes, list) and hashes and isinstance(hashes[0], dict) else {}
    return told(
        event__kind="data_access",
        artifact__uri=path,
        artifact__digest=text(first, "value"),
        bytes=whole(file, "size"),
        process__executable__path=text(part(process, "file"), "path") or text(process, "name"),
        host__name=text(part(document, "device"), "hostname", "name"),
    )


def connection(document: dict[str, Any]) -> dict[str, Any]:
    """A connection to a named host by the ports of the web is a request of which only the host is known; others are only kept."""
    there, process = part(document, "dst_endpoint"), part(part(document, "actor"), "process")
    named = text(there, "hostname", "domain")
    if not named and not text(there, "ip"):
        raise UnableToAccept("dst_endpoint is missing, expected hostname or ip in it")
    web = named is not None and whole(there, "port") in _WEB_PORTS
    return told(
        event__kind="http" if web else None,
        server__address=named or text(there, "ip"),
        server__port=whole(there, "port"),
        process__executable__path=text(part(process, "file"), "path") or text(process, "name"),
        host__name=text(part(document, "device"), "hostname", "name"),
        bytes=whole(part(document, "traffic"), "bytes_out", "bytes"),
    )


def lookup(document: dict[str, Any]) -> dict[str, Any]:
    """A name that a machine looked up, and the domain that it belongs to."""
    query = part(document, "query")
    name = (text(query, "hostname", "name") or "").rstrip(".").lower()
    if not name:
        raise UnableToAccept("query.hostname is missing, nothing says which name was looked up")
    asker = part(document, "src_endpoint") or part(document, "device")
    return told(
        event__kind="api",
        api__operation="look up name",
        dns__question__name=name[:255],
        dns__question__registered_domain=owner(name),
        dns__question__type=text(query, "type"),
        client__address=text(asker, "ip", "hostname", "name"),
        host__name=text(part(document, "device"), "hostname", "name") or text(asker, "hostname"),
    )


def scheduled_job(document: dict[str, Any], activity: str | None) -> dict[str, Any]:
    """A job that is set up is a command that will run."""
    job = part(document, "job")
    line = text(job, "cmd_line")
    runs = line is not None and activity in _JOB_STARTS
    return told(
        event__kind="tool" if runs else None,
        aisoc__tool__impact="exec" if runs else None,
        process__command_line=line,
        gen_ai__tool__name="scheduled_job" if runs else None,
        gen_ai__tool__call__arguments={"command": line} if runs else None,
        process__executable__path=text(part(job, "file"), "path"),
        host__name=text(part(document, "device"), "hostname", "name"),
    )


def account(document: dict[str, Any], activity: str | None) -> dict[str, Any]:
    """A change of an account, of its rights, or of a group."""
    target, group = part(document, "user"), part(document, "group")
    changed = text(target, "name", "email_addr", "uid") or text(group, "name", "uid")
    if not changed:
        raise UnableToAccept("user is missing, nothing says whose account was changed")
    rights = [text(part(document, "policy"), "name", "uid"), text(group, "name", "uid")]
    privileges = document.get("privileges")
    rights += [one for one in privileges[:16] if isinstance(one, str)] if isinstance(privileges, list) else []
    actor = text(part(part(document, "actor"), "user"), "name", "email_addr", "uid")
    return told(
        event__kind="authz",
        action=(activity or "change").replace(" ", "_"),
        config__target=changed,
        config__new=",".join(one for one in rights if one and one != changed) or None,
        writer=actor,
    )
