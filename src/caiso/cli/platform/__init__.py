"""Commands over the platform's services; the only part of the command line that boots Django."""

import os
from pathlib import Path

from caiso.errors import DomainError

OPERATOR = "command line"  # who acts, in the audit trail: whoever may read the data directory


class UnableToOpen(DomainError):
    """The directory holds no installation."""


def boot(data: Path, *, must_exist: bool = True) -> None:
    """Make this process a part of the installation in `data`: settings, models, services."""
    if must_exist and not os.environ.get("CAISO_DATABASE_URL") and not (data / "caiso.sqlite3").exists():
        raise UnableToOpen(f"{data} holds no installation yet; start one with: caiso up --data {data}")
    os.umask(0o077)  # the store holds names, roles and sessions; nobody but its owner reads the files made here
    os.environ["CAISO_DATA"] = str(data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "caiso.web.config.settings")

    import django

    django.setup()
    if must_exist and os.environ.get("CAISO_DATABASE_URL"):
        _check_database(data)


def _check_database(data: Path) -> None:
    """Refuse in words what would end in a traceback: a server that is away, a database without our tables."""
    from django.db import OperationalError, ProgrammingError, connection, transaction

    name = connection.settings_dict["NAME"]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM base_unit LIMIT 1")
    except ProgrammingError:
        raise UnableToOpen(
            f"the database {name} holds no installation yet; start one with: caiso up --data {data}"
        ) from None
    except OperationalError as error:
        raise UnableToOpen(f"the database {name} cannot be reached: {str(error).strip()}") from None
