"""Tables of the platform's base; one file per noun."""

from caiso.web.base.models.access import AccessGrant, AccessRole, ApiToken, TokenScope
from caiso.web.base.models.audit import AuditRecord, AuditSeal, AuditVerification
from caiso.web.base.models.operation import Backup, Job, Setting
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
    "Job",
    "Notification",
    "Person",
    "SavedView",
    "Setting",
    "Task",
    "TokenScope",
    "Unit",
    "User",
]
