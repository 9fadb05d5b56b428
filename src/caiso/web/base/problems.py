"""Refusals of the API as problem+json (RFC 9457), declared once so that the document and the answers agree."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from caiso.errors import DomainError

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


class Fault(Schema):
    """One field that does not fit."""

    at: str = Field(description="Where: query.limit, body.name …")
    message: str


class Problem(Schema):
    """Why a request was refused."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    errors: list[Fault] = Field([])


class Refused(Exception):
    """A refusal with its status, for what no DomainError names."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers or {}


READ_PROBLEMS = (400, 401, 403, 404, 422, 429)
WRITE_PROBLEMS = (*READ_PROBLEMS, 409, 412, 428)


def problem(status: int, detail: str = "", *, errors: list[Fault] | None = None) -> HttpResponse:
    """The answer that says why."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or [])
    return HttpResponse(body.model_dump_json(), status=status, content_type=MEDIA_TYPE)


def register_handlers(api: NinjaAPI) -> None:
    """Answer every refusal as a problem."""
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Refused: _refused,
        DomainError: lambda request, error: problem(409, str(error)),
        AuthenticationError: lambda request, error: _unknown(),
        PermissionDenied: lambda request, error: problem(403, str(error)),
        Http404: lambda request, error: problem(
            404, "There is no such record, or it is not in your part of the organisation."
        ),
        HttpError: lambda request, error: problem(error.status_code, str(error)),
        ValidationError: _invalid,
        Exception: _failed,
    }
    for error_class, handler in handlers.items():
        api.add_exception_handler(error_class, handler)


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    response = problem(error.status, str(error))
    for name, value in error.headers.items():
        response[name] = value
    return response


def _unknown() -> HttpResponse:
    response = problem(401, "Send a token as Authorization: Bearer TOKEN, or sign in.")
    response["WWW-Authenticate"] = 'Bearer realm="caiso"'
    return response


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    faults = [
        Fault(at=".".join(str(part) for part in fault.get("loc", ()))[:200], message=str(fault.get("msg", ""))[:500])
        for fault in error.errors[:50]
    ]
    return problem(422, "Some values do not fit.", errors=faults)


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("api request failed", extra={"path": request.path, "method": request.method})
    return problem(500, "Something went wrong here; it was logged.")
