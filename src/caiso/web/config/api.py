"""The API at /api/v1: each app's router, problem+json refusals, OpenAPI 3.1 at /api/v1/openapi.json."""

from collections import OrderedDict
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from ninja import NinjaAPI, Router, Schema
from ninja.openapi.schema import OpenAPISchema

from caiso import __version__
from caiso.web.base.problems import MEDIA_TYPE, register_handlers


class Api(NinjaAPI):
    """The product's API; refusals stand in the document with the media type that they are sent with."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**options)
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, answer in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in answer.get("content", {}):
                        answer["content"] = {MEDIA_TYPE: answer["content"]["application/json"]}
        return document


def words_first(router: Router) -> Router:
    """Order the paths so that /scans/upload is tried before /scans/{key}, which would take it."""
    paths = router.path_operations
    order = sorted(paths, key=lambda path: [part.startswith("{") for part in path.split("/")])
    router.path_operations = OrderedDict((path, paths[path]) for path in order)
    return router


# Seven hundred models, most of them the same refusals for each endpoint: each is built when it is first used.
Schema.model_config["defer_build"] = True
api = Api(
    title="caiso",
    version=__version__,
    description="The same records and deeds as the pages. Sign in with a token: Authorization: Bearer TOKEN.",
    docs_url=None,  # the interactive pages load scripts from elsewhere, which the content policy forbids
    urls_namespace="api",
)
register_handlers(api)
for app in settings.CAISO_APPS:
    if find_spec(f"caiso.web.{app}.api"):
        api.add_router("", words_first(import_module(f"caiso.web.{app}.api").router))
