"""Records of the base app in another unit, for the role x route matrix."""

from caiso.web.base.models import Job, Notification, Person, Task, TokenScope, Unit
from caiso.web.base.services.tokens import create_token
from tests.web.base.factories import NOW, make_user

NOT_OBJECTS: set[str] = set()


def foreign_objects(unit: Unit) -> dict[str, dict[str, object]]:
    """{route name: arguments} of records that lie in `unit`."""
    other = make_user("analyst", unit)
    person = Person.objects.create(slug="theirs", name="Theirs", unit=unit)
    task = Task.objects.create(title="Theirs", unit=unit, assignee=person, created_at=NOW)
    note = Notification.objects.create(user=other, title="Theirs", created_at=NOW)
    job = Job.objects.create(kind="k", run_after=NOW, created_at=NOW, requested_by=other)
    token, _ = create_token(name="theirs", scope=TokenScope.INGEST, unit=unit, actor=None, now=NOW)
    return {
        "notification": {"number": note.pk},
        "person": {"slug": person.slug},
        "people": {"key": person.slug},
        "tasks": {"key": str(task.pk)},
        "units": {"key": unit.slug},
        "user_record": {"pk": other.pk},
        "user_deed": {"pk": other.pk, "deed": "close"},
        "grant_new": {"pk": other.pk},
        "grant_revoke": {"pk": other.grants.get().pk},
        "job_record": {"pk": job.pk},
        "job_cancel": {"pk": job.pk},
        "GET /units/{slug}": {"slug": unit.slug},
        "PATCH /units/{slug}": {"slug": unit.slug},
        "GET /people/{slug}": {"slug": person.slug},
        "PATCH /people/{slug}": {"slug": person.slug},
        "GET /tasks/{number}": {"number": task.pk},
        "PATCH /tasks/{number}": {"number": task.pk},
        "GET /jobs/{number}": {"number": job.pk},
        "POST /jobs/{number}/cancel": {"number": job.pk},
        "POST /tokens/{number}/revoke": {"number": token.pk},
    }
