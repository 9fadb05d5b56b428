"""Whatever is done to the audit trail behind the product's back is found and named."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from caiso.web.base.models import AuditRecord, AuditSeal, AuditVerification, Unit
from caiso.web.base.services import audit, sealing
from caiso.web.base.services.audit import Entry, Subject, UnableToErase, erase_values, record, record_many
from caiso.web.base.services.leases import acquire_lease, process_owner, release_lease
from tests.web.base.factories import NOW, make_user
from tests.web.base.write_audit import write

LATER = NOW + timedelta(seconds=5)


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, settings: object) -> Iterator[Path]:
    settings.DATA = tmp_path
    yield tmp_path


@pytest.fixture
def trail(db: None) -> list[AuditRecord]:
    """Ten sealed records in three rounds."""
    user = make_user()
    for start in (0, 4, 7):
        for number in range(start, {0: 4, 4: 7, 7: 10}[start]):
            record(
                actor=user,
                verb="thing.edit",
                subject=Subject("Thing", str(number), f"thing {number}"),
                changes={"size": [number, number + 1]},
                now=NOW + timedelta(microseconds=number),
            )
        assert sealing.seal_pending(owner="one", now=NOW) > 0
    assert sealing.verify_audit(now=LATER) == sealing.Verification(ok=True, records=10)
    return list(AuditRecord.objects.order_by("sequence"))


MUTATIONS = {
    "at": "2026-11-22 11:59:59",
    "actor_id": 4242,
    "actor_label": "mallory@example.org",
    "verb": "thing.view",
    "subject_type": "Other",
    "subject_id": "666",
    "subject_label": "another thing",
    "unit_id": 77,
    "changes": '{"size": [1, 2000]}',
    "changes_digest": "f" * 64,
    "salt": "0" * 32,
    "is_erased": True,
    "sequence": 5000,
    "seal": "a" * 64,
}


def test_every_column_has_a_mutation_test() -> None:
    columns = {field.column for field in AuditRecord._meta.concrete_fields}
    assert columns == set(MUTATIONS) | {"id"}


@pytest.mark.parametrize("column", MUTATIONS)
def test_changed_column_is_found_at_its_record(trail: list[AuditRecord], column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE base_auditrecord SET {column} = %s WHERE sequence = 6", [MUTATIONS[column]])
    found = sealing.verify_audit(now=LATER)
    assert not found.ok
    named = {trail[5].pk} | ({trail[6].pk} if column == "sequence" else set())
    assert found.record in named
    assert str(found.record) in found.finding


def test_renumbered_record_is_found(trail: list[AuditRecord]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE base_auditrecord SET id = 9999 WHERE sequence = 6")
    assert sealing.verify_audit(now=LATER).record == 9999


def test_deleted_record_is_found_at_its_successor(trail: list[AuditRecord]) -> None:
    AuditRecord.objects.filter(sequence=4).delete()
    found = sealing.verify_audit(now=LATER)
    assert (found.ok, found.record, found.records) == (False, trail[4].pk, 3)


def test_deleted_record_with_renumbered_successors_is_found(trail: list[AuditRecord]) -> None:
    AuditRecord.objects.filter(sequence=4).delete()
    for row in trail[4:]:
        AuditRecord.objects.filter(pk=row.pk).update(sequence=row.sequence - 1)
    assert sealing.verify_audit(now=LATER).record == trail[4].pk


def test_swapped_records_are_found(trail: list[AuditRecord]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE base_auditrecord SET sequence = 100 WHERE sequence = 3")
        cursor.execute("UPDATE base_auditrecord SET sequence = 3 WHERE sequence = 7")
        cursor.execute("UPDATE base_auditrecord SET sequence = 7 WHERE sequence = 100")
    assert sealing.verify_audit(now=LATER).record == trail[6].pk


def test_swapped_contents_are_found(trail: list[AuditRecord]) -> None:
    third, seventh = trail[2], trail[6]
    third.subject_id, seventh.subject_id = seventh.subject_id, third.subject_id
    third.save(), seventh.save()
    assert sealing.verify_audit(now=LATER).record == third.pk


def test_cut_tail_is_found_by_the_anchor_even_with_a_matching_head(trail: list[AuditRecord]) -> None:
    AuditRecord.objects.filter(sequence__gt=7).delete()
    found = sealing.verify_audit(now=LATER)
    assert not found.ok and "cut off" in found.finding
    last = trail[6]
    AuditSeal.objects.update(sequence=7, seal=last.seal)
    found = sealing.verify_audit(now=LATER)
    assert not found.ok and "anchor line 3 knows 10" in found.finding


def test_emptied_trail_is_found(trail: list[AuditRecord]) -> None:
    AuditRecord.objects.all().delete()
    AuditSeal.objects.all().delete()
    assert not sealing.verify_audit(now=LATER).ok


@pytest.mark.parametrize("change", [{"sequence": 9}, {"seal": "b" * 64}, {"anchor_line": 2}, {"anchor_mark": "c" * 64}])
def test_forged_head_is_found(trail: list[AuditRecord], change: dict[str, object]) -> None:
    AuditSeal.objects.update(**change)
    assert not sealing.verify_audit(now=LATER).ok


def test_second_or_missing_head_is_found(trail: list[AuditRecord]) -> None:
    head = AuditSeal.objects.get()
    AuditSeal.objects.create(sequence=head.sequence, seal=head.seal, sealed_at=NOW)
    assert "more than one head" in sealing.verify_audit(now=LATER).finding
    AuditSeal.objects.all().delete()
    assert "missing" in sealing.verify_audit(now=LATER).finding


def test_chain_made_anew_without_the_key_is_found(trail: list[AuditRecord], own_data: Path) -> None:
    """An intruder who can write the database and the anchor, but not read the key."""
    (own_data / "keys" / "audit").write_text("another key")
    audit._key_of.cache_clear()
    for row in trail:
        row.sequence, row.seal, row.changes_digest = None, "", audit.values_digest(row)
        row.save()
    AuditSeal.objects.all().delete()
    sealing.anchor_path().unlink()
    sealing.seal_pending(owner="one", now=NOW)
    assert sealing.verify_audit(now=LATER).ok
    (own_data / "keys" / "audit").unlink()  # the true key comes back
    audit._key_of.cache_clear()
    assert not sealing.verify_audit(now=LATER).ok


def edit_anchor(change: Callable[[list[str]], list[str]]) -> None:
    lines = sealing.anchor_path().read_text().splitlines()
    sealing.anchor_path().write_text("".join(f"{line}\n" for line in change(lines)))


ANCHOR_FORGERIES: dict[str, Callable[[list[str]], list[str]]] = {
    "emptied": lambda lines: [],
    "last line cut": lambda lines: lines[:-2],
    "first line cut": lambda lines: lines[1:],
    "line doubled": lambda lines: [*lines, lines[-1]],
    "lines swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "sequence changed": lambda lines: [*lines[:-1], lines[-1].replace(" 10 ", " 9 ", 1)],
    "mark changed": lambda lines: [*lines[:-1], lines[-1][:-4] + "0000"],
    "invented line": lambda lines: [*lines, f"4 11 {'d' * 64} {NOW.isoformat()} {'e' * 64}"],
    "garbage": lambda lines: [*lines, "\x00 hello"],
}


@pytest.mark.parametrize("forgery", ANCHOR_FORGERIES)
def test_forged_anchor_is_found_and_not_repaired_by_the_sealer(trail: list[AuditRecord], forgery: str) -> None:
    edit_anchor(ANCHOR_FORGERIES[forgery])
    assert not sealing.verify_audit(now=LATER).ok
    record(actor=None, verb="thing.add", subject=Subject("Thing", "11"), now=LATER)
    sealing.seal_pending(owner="one", now=LATER)
    assert not sealing.verify_audit(now=LATER).ok


def test_deleted_anchor_is_found(trail: list[AuditRecord]) -> None:
    sealing.anchor_path().unlink()
    assert not sealing.verify_audit(now=LATER).ok


def test_anchor_that_a_crash_left_one_line_behind_is_repaired(trail: list[AuditRecord]) -> None:
    edit_anchor(lambda lines: lines[:-1])
    assert sealing.verify_audit(now=LATER).ok, "the append may still be under way"
    assert not sealing.verify_audit(now=NOW + timedelta(seconds=90)).ok
    sealing.seal_pending(owner="one", now=LATER)
    assert sealing.verify_audit(now=NOW + timedelta(seconds=90)).ok


def test_anchor_line_cut_in_the_middle_by_a_crash_is_repaired(trail: list[AuditRecord]) -> None:
    path = sealing.anchor_path()
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    sealing.seal_pending(owner="one", now=LATER)
    assert path.read_bytes() == whole


def test_record_put_in_without_the_key_is_found(trail: list[AuditRecord]) -> None:
    AuditRecord.objects.create(
        at=NOW,
        actor_label="somebody@example.org",
        verb="thing.edit",
        subject_type="Thing",
        subject_id="1",
        salt="0" * 32,
        changes_digest="0" * 64,
    )
    sealing.seal_pending(owner="one", now=LATER)
    assert sealing.verify_audit(now=LATER).records == 10


def test_erased_values_leave_the_chain_whole(trail: list[AuditRecord]) -> None:
    erase_values(trail[3], actor=None, reason="request of the person", now=LATER)
    sealing.seal_pending(owner="one", now=LATER)
    assert AuditRecord.objects.get(pk=trail[3].pk).changes is None
    assert sealing.verify_audit(now=LATER) == sealing.Verification(ok=True, records=11, erased=1)


def test_values_erased_behind_the_products_back_are_found(trail: list[AuditRecord]) -> None:
    AuditRecord.objects.filter(sequence=4).update(
        is_erased=True, changes=None, actor_label="", subject_label="", salt=""
    )
    found = sealing.verify_audit(now=LATER)
    assert (found.ok, found.record) == (False, trail[3].pk)
    assert "without a record" in found.finding


def test_unsealed_record_cannot_be_erased(db: None) -> None:
    row = record(actor=None, verb="thing.add", subject=Subject("Thing", "1"), now=NOW)
    with pytest.raises(UnableToErase):
        erase_values(row, actor=None, reason="", now=NOW)


def test_record_left_unsealed_for_more_than_a_minute_fails(trail: list[AuditRecord]) -> None:
    late = record(actor=None, verb="thing.add", subject=Subject("Thing", "11"), now=NOW)
    assert sealing.verify_audit(now=NOW + timedelta(seconds=59)).ok
    found = sealing.verify_audit(now=NOW + timedelta(seconds=61))
    assert (found.ok, found.record) == (False, late.pk)


def test_verification_is_kept_for_the_control_that_reads_it(trail: list[AuditRecord]) -> None:
    sealing.run_verification(now=LATER)
    AuditRecord.objects.filter(sequence=4).delete()
    sealing.run_verification(now=LATER)
    assert list(AuditVerification.objects.order_by("id").values_list("ok", "records")) == [(True, 10), (False, 3)]


def test_second_sealer_waits_for_the_lease(trail: list[AuditRecord]) -> None:
    record(actor=None, verb="thing.add", subject=Subject("Thing", "11"), now=NOW)
    assert sealing.seal_pending(owner="two", now=NOW) == 0
    assert sealing.seal_pending(owner="two", now=NOW + timedelta(seconds=31)) == 1
    assert sealing.seal_pending(owner="one", now=NOW + timedelta(seconds=32)) == 0


def test_fence_grows_when_a_lease_changes_hands(db: None) -> None:
    assert acquire_lease("work", "a", seconds=10, now=NOW) == 1
    assert acquire_lease("work", "a", seconds=10, now=NOW) == 1
    assert acquire_lease("work", "b", seconds=10, now=NOW) is None
    release_lease("work", "a", now=NOW)
    assert acquire_lease("work", "b", seconds=10, now=NOW) == 2


def test_lease_of_a_process_that_was_killed_is_free_at_once(db: None) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = process_owner().replace(f":{os.getpid()}:", f":{ended.pid}:")
    assert acquire_lease("work", gone, seconds=10, now=NOW) == 1
    mine = process_owner()
    assert acquire_lease("work", mine, seconds=10, now=NOW) == 2
    assert acquire_lease("work", process_owner(), seconds=10, now=NOW) is None  # we run
    elsewhere = gone.replace(gone[:4], "0000", 1)
    release_lease("work", mine, now=NOW)
    assert acquire_lease("work", elsewhere, seconds=10, now=NOW) == 3
    assert acquire_lease("work", mine, seconds=10, now=NOW) is None  # nothing is known of another machine


def test_bulk_records_are_sealed_in_batches(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 50)
    entries = [Entry("thing.add", Subject("Thing", str(number))) for number in range(170)]
    assert record_many(entries, actor=None, now=NOW) == 170
    assert sealing.seal_pending(owner="one", now=NOW) == 170
    assert sealing.verify_audit(now=LATER).records == 170


def test_row_of_a_unit_is_recorded_with_its_unit_and_bounded_values(db: None) -> None:
    unit = Unit.objects.create(slug="bank", name="Bank", path="/1/")
    row = record(actor=None, verb="unit.add", subject=unit, changes={"note": ["", "x" * 9000]}, now=NOW)
    row.refresh_from_db()
    assert (row.unit_id, row.subject_type, row.actor_label) == (unit.pk, "Unit", "caiso")
    assert len(row.changes["note"][1]) == 2001


WRITERS, EACH = 8, 60


def start_threads() -> Callable[[], bool]:
    """Eight threads that write; the answer is asked whether all are done."""

    def work(number: int) -> None:
        try:
            write(number, EACH)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    return lambda: not any(thread.is_alive() for thread in threads)


def start_processes(data: Path) -> Callable[[], bool]:
    """Eight processes that write, forked by a program of its own (a fork of this one would copy held locks)."""
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {
        "CAISO_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": "caiso.web.config.settings",
        "PYTHONPATH": str(root / "src"),
    }
    program = [sys.executable, str(Path(__file__).with_name("write_audit.py"))]
    process = subprocess.Popen(
        [*program, str(connection.settings_dict["NAME"]), str(WRITERS), str(EACH)], env=environment
    )

    def done() -> bool:
        assert process.poll() in (None, 0)
        return process.poll() == 0

    return done


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_eight_writers_and_two_sealers_leave_one_unbroken_chain(kind: str, own_data: Path) -> None:
    from django.utils import timezone

    assert connection.vendor != "sqlite" or Path(connection.settings_dict["NAME"]).exists(), "a real file, not memory"
    stop = threading.Event()

    def keep_sealing(owner: str) -> None:
        try:
            while not stop.wait(0.01):
                sealing.seal_pending(owner=owner, now=timezone.now())
        finally:
            connections.close_all()

    sealers = [threading.Thread(target=keep_sealing, args=(owner,), daemon=True) for owner in ("one", "two")]
    for sealer in sealers:
        sealer.start()
    try:
        done = start_threads() if kind == "threads" else start_processes(own_data)
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline, "the writers hang"
            midway = sealing.verify_audit(now=timezone.now())
            assert midway.ok, midway
            time.sleep(0.05)
    finally:
        stop.set()
        for sealer in sealers:
            sealer.join(30)
    sealing.seal_pending(owner="one", now=timezone.now() + timedelta(seconds=60))
    found = sealing.verify_audit(now=timezone.now())
    assert found == sealing.Verification(ok=True, records=WRITERS * EACH), found


def test_values_that_databases_write_in_their_own_way_still_fit_the_seal(db: None, own_data: Path) -> None:
    odd = {
        "zz": [None, 1], "a": [0.1, -0.0], "Z": [1e22, 2**70], "nul": ["a\x00b", "\\u0000"], "b": [1.0, 1e-7],
        "nothing": [float("nan"), float("inf")], "words": ["ключ", {"b": 1, "a": [3, {"y": 1, "x": 2}]}],
    }  # fmt: skip
    made = record(actor="a\x00b", verb="thing.edit", subject=Subject("Thing", "1", "x\x00y"), changes=odd, now=NOW)
    sealing.seal_pending(owner="one", now=NOW)
    assert sealing.verify_audit(now=LATER) == sealing.Verification(ok=True, records=1)
    made.refresh_from_db()
    assert made.changes is not None
    assert made.changes["nul"] == ["a\ufffdb", "\\u0000"]
    assert made.changes["words"][1] == {"a": [3, {"x": 2, "y": 1}], "b": 1}


@pytest.mark.django_db
def test_a_trail_whose_first_seal_comes_while_it_is_read_is_whole(
    own_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_many([Entry("thing.add", Subject("Thing", str(n))) for n in range(5)], actor=None, now=NOW)
    settled = sealing._Walk._settled

    def then_sealed(walk: sealing._Walk) -> object:
        found = settled(walk)
        sealing.seal_pending(owner="one", now=NOW)
        return found

    monkeypatch.setattr(sealing._Walk, "_settled", then_sealed)
    assert sealing.verify_audit(now=NOW) == sealing.Verification(ok=True, records=0)
    assert sealing.verify_audit(now=NOW) == sealing.Verification(ok=True, records=5)


def test_sealing_asks_no_question_per_record(db: None, django_assert_max_num_queries: Callable[..., Any]) -> None:
    record_many([Entry("thing.add", Subject("Thing", str(n))) for n in range(5000)], actor=None, now=NOW)
    with django_assert_max_num_queries(400):
        assert sealing.seal_pending(owner="one", now=NOW) == 5000


def test_the_anchor_is_readable_by_its_owner_only(trail: list[AuditRecord], own_data: Path) -> None:
    assert sealing.anchor_path().stat().st_mode & 0o077 == 0
    assert (own_data / "keys" / "audit").stat().st_mode & 0o077 == 0
