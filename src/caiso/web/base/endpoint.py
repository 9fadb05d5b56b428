"""How an app adds an endpoint to the API: one stated permission, declared refusals, ETag, idempotency, rate limit.

router = Router(tags=["alerts"])

@reads(router, "/alerts", permission="soc.view", response=Page[AlertOut])
def list_alerts(request: ApiRequest, paging: Annotated[Paging, Query()]) -> Page[AlertOut]:
    return page_of(visible(queries.alerts(), request.viewer, "soc.view"), AlertOut.of, paging)
"""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Annotated, Any, Generic, TypeVar, cast

import orjson
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Field, Path, Router, Schema
from ninja.security import HttpBearer, SessionAuth

from caiso.web.base.access import PERMISSIONS, Viewer
from caiso.web.base.models import ApiToken, TokenScope, User
from caiso.web.base.paging import rows_between
from caiso.web.base.problems import READ_PROBLEMS, WRITE_PROBLEMS, Problem, Refused
from caiso.web.base.queries import mfa_is_due
from caiso.web.base.services import idempotency
from caiso.web.base.services.tokens import authenticate_token

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MOST = 200
DEEPEST = 100_000
KEPT = timedelta(hours=24)

RowId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Slug = Annotated[str, Path(max_length=80, pattern=r"^[-a-zA-Z0-9_.]+$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*[^\x00-\x1f\s][^\x00-\x1f]*$")]
SearchText = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class ApiRequest(HttpRequest):
    """A request as an endpoint gets it."""

    user: User
    viewer: Viewer
    token: ApiToken | None


class TokenAuth(HttpBearer):
    """A reading or writing token acts as its login, within its unit."""

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission

    def authenticate(self, request: HttpRequest, token: str) -> Viewer | None:
        found = authenticate_token(token, scopes=[TokenScope.READ, TokenScope.WRITE], now=timezone.now())
        if found is None or found.user is None:
            return None
        if request.method not in SAFE_METHODS and found.scope != TokenScope.WRITE:
            raise Refused(403, "This token only reads; make one with the scope write.")
        asked = cast(ApiRequest, request)
        asked.user, asked.token = found.user, found
        asked.viewer = Viewer(found.user, limit=found.unit.path)
        return _enter(asked, self.permission)


class LoginAuth(SessionAuth):
    """A signed-in browser; writes carry the CSRF token."""

    def __init__(self, permission: str) -> None:
        super().__init__()
        self.permission = permission

    def authenticate(self, request: HttpRequest, key: str | None) -> Viewer | None:
        user = request.user
        if not isinstance(user, User):
            return None
        asked = cast(ApiRequest, request)
        asked.viewer, asked.token = Viewer(user), None
        if mfa_is_due(asked.viewer.roles, user):
            raise Refused(403, "Set up a second factor first: your access roles require one.")
        return _enter(asked, self.permission)


def _enter(request: ApiRequest, permission: str) -> Viewer:
    """Checked before the body is read, so that nobody learns the shape of what they may not do."""
    _limit_rate(request)
    if not request.viewer.may(permission):
        raise PermissionDenied(f"None of your access roles carries the permission “{permission}”.")
    return request.viewer


Item = TypeVar("Item")
F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=Model)


class Paging(Schema):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=DEEPEST)


class Page(Schema, Generic[Item]):
    """A part of a list and how long the whole is."""

    items: list[Item]
    total: int
    next_offset: int | None = Field(None, description="The offset of the next page; null at the end.")


def page_of(rows: QuerySet[M], show: Callable[[M], Item], paging: Paging) -> Page[Item]:
    """The asked part of the rows, shown one by one."""
    total = rows.count()
    following = paging.offset + paging.limit
    items = [show(row) for row in rows_between(rows, paging.offset, following, total=total)]
    return Page[Any](items=items, total=total, next_offset=following if following < total else None)


def reads(router: Router, path: str, *, permission: str, response: Any) -> Callable[[F], F]:
    """Add a GET endpoint."""
    return _add(router, "GET", path, permission, response, status=200, remembers=False)


def writes(
    router: Router, method: str, path: str, *, permission: str, response: Any, status: int = 200, secret: bool = False
) -> Callable[[F], F]:
    """Add an endpoint that changes something; POST takes an Idempotency-Key unless its answer is a secret."""
    return _add(router, method, path, permission, response, status=status, remembers=method == "POST" and not secret)


def _add(
    router: Router, method: str, path: str, permission: str, response: Any, *, status: int, remembers: bool
) -> Callable[[F], F]:
    if permission not in PERMISSIONS:
        raise ValueError(f"no access role carries the permission {permission!r}")
    refusals = READ_PROBLEMS if method == "GET" else WRITE_PROBLEMS

    def decorate(view: F) -> F:
        @wraps(view)
        def guarded(request: ApiRequest, **arguments: Any) -> Any:
            if remembers and (key := request.headers.get("Idempotency-Key")):
                return _once(request, key, lambda: _answer(view(request, **arguments), status))
            return _answer(view(request, **arguments), status)

        operation = router.api_operation(
            [method],
            path,
            response={status: response} | dict.fromkeys(refusals, Problem),
            auth=[TokenAuth(permission), LoginAuth(permission)],
            openapi_extra=_headers(method, remembers=remembers),
        )
        guarded.required_permission = permission  # type: ignore[attr-defined]  # read by the matrix test
        return cast(F, operation(guarded))

    return decorate


def _answer(result: Any, status: int) -> HttpResponse:
    """The result as the response, with an ETag for a single record."""
    if result is None:
        return HttpResponse(status=status)
    listed = isinstance(result, list)
    body = f"[{','.join(one.model_dump_json() for one in result)}]" if listed else result.model_dump_json()
    response = HttpResponse(body, status=status, content_type="application/json")
    if not listed and not isinstance(result, Page):
        response["ETag"] = etag_of(result)
    return response


def etag_of(record: Schema) -> str:
    """A mark that changes with anything that the API shows of the record."""
    return f'"{hashlib.sha256(record.model_dump_json().encode()).hexdigest()[:32]}"'


def require_match(request: HttpRequest, current: Schema) -> None:
    """Refuse a change of a record that somebody else changed since it was read."""
    sent = request.headers.get("If-Match")
    if sent is None:
        raise Refused(428, "Send the ETag of the record that you read as If-Match.")
    if sent.strip() != "*" and etag_of(current) not in [one.strip() for one in sent.split(",")]:
        raise Refused(412, "The record was changed since you read it: read it again.")


def refuse_tokens(request: ApiRequest) -> None:
    """Some deeds need a person at a browser: a stolen token must not breed others."""
    if request.token is not None:
        raise Refused(403, "This needs a signed-in browser; a token may not do it.")


def _limit_rate(request: ApiRequest) -> None:
    minute = int(time.time() // 60)
    who = f"t{request.token.pk}" if request.token else f"u{request.user.pk}"
    key = f"api-rate:{who}:{minute}"
    cache.add(key, 0, timeout=120)
    if cache.incr(key) > settings.API_REQUESTS_PER_MINUTE:
        wait = 60 - int(time.time() % 60)
        raise Refused(
            429, f"At most {settings.API_REQUESTS_PER_MINUTE} requests a minute.", headers={"Retry-After": str(wait)}
        )


def _once(request: ApiRequest, key: str, do: Callable[[], HttpResponse]) -> HttpResponse:
    """Do it, or repeat the answer that the same key got; deed and remembered answer are one transaction."""
    if len(key) > 120 or not key.isprintable():
        raise Refused(422, "An Idempotency-Key has at most 120 printable characters.")
    asked = orjson.dumps([request.method, request.path, request.body.decode("utf-8", "replace")])
    digest = hashlib.sha256(asked).hexdigest()
    known = idempotency.recall(request.user, key)
    if known is None:
        try:
            with transaction.atomic():
                slot = idempotency.remember(request.user, key, digest=digest, now=timezone.now())
                response = do()
                idempotency.complete(
                    slot, status=response.status_code, body=response.content.decode(), etag=response.get("ETag", "")
                )
                return response
        except IntegrityError:
            known = idempotency.recall(request.user, key)
            if known is None:
                raise
    if known.request_digest != digest:
        raise Refused(409, "This Idempotency-Key belongs to another request.")
    response = HttpResponse(known.body, status=known.status, content_type="application/json")
    response["Idempotency-Replayed"] = "true"
    if known.etag:
        response["ETag"] = known.etag
    return response


def _headers(method: str, *, remembers: bool) -> dict[str, Any]:
    """The request headers that the document names."""
    text = {"type": "string", "maxLength": 120}
    if remembers:
        name, what = "Idempotency-Key", "A repeat with the same key within a day does nothing and gets the same answer."
    elif method in ("PATCH", "PUT"):
        name, what = "If-Match", "The ETag of the record as you read it."
    else:
        return {}
    return {"parameters": [{"name": name, "in": "header", "required": False, "description": what, "schema": text}]}
