"""Every address of the product with the rule that stands on it, read from the URL table and the API's table."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter, SlugConverter, UUIDConverter

# Pages of the sign-in library, which carry no rule of ours: open to all, or only for one's own login.
LIBRARY = "accounts/"
ABSENT = {
    IntConverter: 987_654_321,
    SlugConverter: "no-such-thing",
    UUIDConverter: "0" * 8 + "-0000-4000-8000-" + "0" * 12,
}


@dataclass(frozen=True)
class Route:
    """One address and method; `permission` is None where it is public, and `stated` says whether a rule stands there."""

    name: str
    path: str
    method: str
    permission: str | None
    stated: bool
    parameters: dict[str, Any] = field(default_factory=dict)
    is_api: bool = False

    def url(self, arguments: dict[str, Any] | None = None) -> str:
        """The address with the arguments, or with ones that no record has."""
        path = "/" + self.path
        for name, value in (self.parameters | (arguments or {})).items():
            path = path.replace(f"{{{name}}}", str(value))
        return path


def pages() -> list[Route]:
    """The routes of the URL table that are ours."""
    return [route for route in _walk(get_resolver().url_patterns) if not route.path.startswith((LIBRARY, "api/"))]


def operations() -> list[Route]:
    """The operations of the API."""
    from caiso.web.config.api import api

    found = []
    for _, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                function = operation.view_func
                names = [part[1:-1].split(":")[-1] for part in path.split("/") if part.startswith("{")]
                plain = "/".join(
                    "{" + part[1:-1].split(":")[-1] + "}" if part.startswith("{") else part for part in path.split("/")
                )
                absent = {
                    name: 987_654_321 if name in ("number", "pk") or name.endswith("_id") else "no-such-thing"
                    for name in names
                }
                found += [
                    Route(
                        name=f"{method} {plain}",
                        path="api/v1" + plain,
                        method=method,
                        permission=getattr(function, "required_permission", None),
                        stated=hasattr(function, "required_permission"),
                        parameters=absent,
                        is_api=True,
                    )
                    for method in operation.methods
                ]
    return found


def _walk(patterns: Iterable[URLPattern | URLResolver], prefix: str = "") -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, path)
            continue
        view, converters = pattern.callback, pattern.pattern.converters
        for name, converter in converters.items():
            kind = type(converter)
            for text in (f"<{name}>", *(f"<{word}:{name}>" for word in ("int", "str", "slug", "uuid", "path"))):
                path = path.replace(text, f"{{{name}}}")
            assert kind in ABSENT or kind.__name__ in ("StringConverter", "PathConverter"), kind
        yield Route(
            name=pattern.name or path,
            path=path,
            method="GET",
            permission=getattr(view, "required_permission", None),
            stated=hasattr(view, "required_permission"),
            parameters={name: ABSENT.get(type(converter), "no-such-thing") for name, converter in converters.items()},
        )
