"""A database is used with the keys that wrote it, or not at all; what PostgreSQL cannot hold never stops a write."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.db import connection

from caiso.web.base.models import AuditRecord, Notification, Setting, Task
from caiso.web.base.services.installation import KEYS, UnableToJoin, check_keys
from tests.web.base.factories import NOW, make_unit, make_user

pytestmark = pytest.mark.django_db


def test_a_database_refuses_the_keys_of_another_installation(settings: Any, tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
    settings.DATA = tmp_path / "ours"
    check_keys(now=NOW)
    check_keys(now=NOW)
    assert Setting.objects.filter(pk=KEYS).count() == 1
    assert AuditRecord.objects.filter(verb="setting.change", subject_id=KEYS).count() == 1
    settings.DATA = tmp_path / "theirs"
    with pytest.raises(UnableToJoin, match="other keys than those in this data directory"):
        check_keys(now=NOW)


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\\u0000", "\\\x00", "\\\\\x00\\", '"\x00"', "ключ\x00", "plain"])
def test_null_characters_are_stored_as_what_every_database_holds(text: str) -> None:
    kept = text.replace("\x00", "\ufffd") if connection.vendor == "postgresql" else text
    unit, user = make_unit("acme"), make_user()
    task = Task.objects.create(title=text, unit=unit, created_at=NOW)
    Notification.objects.bulk_create([Notification(user=user, title=text, created_at=NOW)])
    Setting.objects.create(pk="odd", value={"list": [text, {"in": text}], text: 1})
    assert Task.objects.get(title=text) == task
    assert Task.objects.get().title == kept
    assert Notification.objects.get().title == kept
    assert Setting.objects.get(pk="odd").value == {"list": [kept, {"in": kept}], kept: 1}


def test_several_processes_count_together_on_postgresql() -> None:
    backend = project.CACHES["default"]["BACKEND"]
    assert backend.endswith("DatabaseCache" if connection.vendor == "postgresql" else "LocMemCache")
