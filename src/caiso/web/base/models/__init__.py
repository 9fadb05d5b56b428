"""Tables of the platform's base; one file per noun."""

from caiso.web.base.models.access import AccessGrant, AccessRole, ApiToken, TokenScope
from caiso.web.base.models.audit import AuditRecord, AuditSeal, AuditVerification
from caiso.web.base.models.operation import (
    Backup,
    FactTouch,
    Heartbeat,
    Job,
    Lease,
    RememberedAnswer,
    Schedule,
    Setting,
)
from caiso.web.base.models.people import Person, Unit, User
from caiso.web.base.models.workplace import Notification, SavedView, Task

__all__ = [
    "AccessGrant",
    "AccessRole",
    "ApiToken",
    "AuditRecord",
    "AuditSeal",
    "AuditVerification",
    "Backup",
    "FactTouch",
    "Heartbeat",
    "Job",
    "Lease",
    "Notification",
    "Person",
    "RememberedAnswer",
    "SavedView",
    "Schedule",
    "Setting",
    "Task",
    "TokenScope",
    "Unit",
    "User",
]
