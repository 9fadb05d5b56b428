"""Commands over the platform's services; the only part of the command line that boots Django."""

import os
from pathlib import Path


def boot(data: Path) -> None:
    """Make this process a part of the installation in `data`: settings, models, services."""
    os.environ["CAISO_DATA"] = str(data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caiso.web.config.settings")

    import django

    django.setup()
