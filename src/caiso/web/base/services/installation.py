"""A database and the keys beside it belong together: with others, sealing and content would break without a word."""

import hashlib
import hmac
from datetime import datetime

from caiso.errors import DomainError
from caiso.web.base.queries import setting
from caiso.web.base.services.audit import audit_key
from caiso.web.base.services.settings import change_setting

KEYS = "installation.keys"


class UnableToJoin(DomainError):
    """The database was written with other keys than those of the data directory."""


def check_keys(*, now: datetime) -> None:
    """Mark a new database with the installation's keys; refuse one that another installation's data directory wrote."""
    mark = hmac.new(audit_key(), b"installation", hashlib.sha256).hexdigest()[:32]
    known = setting(KEYS)
    if known is None:
        change_setting(KEYS, mark, actor=None, now=now)
    elif known != mark:
        raise UnableToJoin(
            "the database was written with other keys than those in this data directory: "
            "start with the directory that it belongs to, or with an empty database"
        )
