"""Records of AWS CloudTrail: who called which operation of which service, by what role, from where, on what.

Reads of objects and writes of them are access to data, what hands out rights is an act of authorisation, what asks a model is a
call of a model, of which nothing is known but who asked which; all else is an API call.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final

from caiso.connect.telemetry.decode.shapes.values import moment, part, text, told, whole
from caiso.connect.telemetry.meaning.messages import dump
from caiso.connect.telemetry.records import UnableToAccept

_OBJECTS: Final = frozenset(
    ("GetObject", "PutObject", "CopyObject", "DeleteObject", "SelectObjectContent", "UploadPart", "UploadPartCopy")
)
_WRITES: Final = frozenset(("PutObject", "CopyObject", "DeleteObject", "UploadPart", "UploadPartCopy"))
_GRANTS = re.compile(
    r"(?:Attach|Put)(?:User|Role|Group)Policy|AddUserToGroup|CreateAccessKey|(?:Create|Update)LoginProfile|UpdateAssumeRolePolicy"
    r"|CreatePolicyVersion|SetDefaultPolicyVersion|AddRoleToInstanceProfile|Put(?:User|Role)PermissionsBoundary|Delete(?:User|Role)PermissionsBoundary"
)
_LOGINS: Final = frozenset(
    ("ConsoleLogin", "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetSessionToken")
)
_TARGETS: Final = (
    ("roleName", "role"),
    ("userName", "user"),
    ("groupName", "group"),
    ("policyArn", "policy"),
    ("roleArn", "role"),
)
_LONGEST: Final = 2_000
ASKS_MODEL: Final = frozenset(
    ("InvokeModel", "InvokeModelWithResponseStream", "InvokeModelWithBidirectionalStream", "Converse", "ConverseStream")
)
BEDROCK: Final = "bedrock"


def is_one(document: dict[str, Any]) -> bool:
    """Every record has these three."""
    return "eventVersion" in document and "eventSource" in document and "eventName" in document


def read(document: dict[str, Any]) -> dict[str, Any]:
    """One call; raises ``UnableToAccept``."""
    name, service = text(document, "eventName"), text(document, "eventSource")
    if not name or not service:
        raise UnableToAccept("eventName and eventSource must not be empty, without them nobody knows what was called")
    caller, asked = part(document, "userIdentity"), part(document, "requestParameters")
    role = text(part(part(caller, "sessionContext"), "sessionIssuer"), "userName")
    address = text(document, "sourceIPAddress")
    found = told(
        time=moment(document, "eventTime"),
        name=f"cloudtrail {name}",
        event__kind="api",
        service__name=service,
        api__operation=name,
        api__service__name=service,
        user__id=_user(caller) or role,
        api_key__id=text(caller, "accessKeyId"),
        client__address=address if _is_address(address) else None,
        user_agent__original=text(document, "userAgent"),
        error__type=text(document, "errorCode"),
        cloud__provider="aws",
        cloud__account__id=text(document, "recipientAccountId") or text(caller, "accountId"),
        cloud__region=text(document, "awsRegion"),
        gen_ai__request__model=text(asked, "modelId"),
    )
    if name in _OBJECTS and service == "s3.amazonaws.com":
        # Every run of a job has a session of its own: who writes is the role.
        return {
            **found,
            **_object(document, asked, name, writer=role or str(found.get("user.id") or "").partition("/")[0]),
        }
    if _GRANTS.fullmatch(name):
        return {**found, **_grant(asked, name, writer=role or found.get("user.id"))}
    if name in ASKS_MODEL and service.startswith(BEDROCK):
        return {**found, **asking(role or found.get("user.id"))}
    if name in _LOGINS:
        return {**found, **told(event__kind="authz", action=name)}
    return found


def asking(application: object) -> dict[str, Any]:
    """A call of a model by way of Bedrock; the application is whoever's role or user it runs as."""
    return told(
        event__kind="inference", gen_ai__operation__name="chat", gen_ai__provider__name="aws.bedrock", service__name=application
    )  # fmt: skip


def _object(document: dict[str, Any], asked: dict[str, Any], name: str, *, writer: object) -> dict[str, Any]:
    bucket, key, told_more = text(asked, "bucketName"), text(asked, "key"), part(document, "additionalEventData")
    return told(
        event__kind="data_access",
        action=name,
        dataset__id=bucket,
        artifact__uri=f"s3://{bucket}/{key}" if bucket and key else None,
        writer=writer or None if name in _WRITES else None,
        bytes=whole(told_more, "bytesTransferredIn" if name in _WRITES else "bytesTransferredOut"),
    )


def _grant(asked: dict[str, Any], name: str, *, writer: object) -> dict[str, Any]:
    target = next((f"{kind}/{value}" for key, kind in _TARGETS if (value := text(asked, key))), None)
    given = (
        asked.get("policyDocument")
        or asked.get("policyArn")
        or asked.get("groupName")
        or asked.get("permissionsBoundary")
    )
    return told(
        event__kind="authz",
        action=name,
        config__target=target,
        config__new=(given if isinstance(given, str) else dump(given))[:_LONGEST] if given else None,
        writer=writer,
    )


def _user(caller: dict[str, Any]) -> str | None:
    """A user's name; of a role its name and the session's; of a service its own."""
    named = text(caller, "userName")
    if named:
        return named
    arn = text(caller, "arn")
    if arn:
        return (
            arn.rpartition(":assumed-role/")[2]
            if ":assumed-role/" in arn
            else arn.rpartition(":")[2].removeprefix("user/")
        )
    return text(caller, "invokedBy", "principalId")


def _is_address(value: str | None) -> bool:
    """A service of the provider stands there with its name."""
    try:
        ip_address(value or "")
    except ValueError:
        return False
    return True
