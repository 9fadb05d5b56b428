"""The web process: pages and API from Django; the ingest edge is mounted beside them."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caiso.web.config.settings")

from django.core.asgi import get_asgi_application

application = get_asgi_application()
