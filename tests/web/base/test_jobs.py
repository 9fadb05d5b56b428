"""A job that was accepted is done, whatever happens to the worker."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction

from caiso.web.base.models import AuditRecord, Job
from caiso.web.base.services import jobs, wake
from caiso.web.base.services.leases import process_owner
from caiso.web.base.worker import loudness, run_worker
from tests.web.base.factories import NOW, make_user

TEN = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, settings: object) -> Iterator[Path]:
    settings.DATA = tmp_path
    yield tmp_path


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> dict[str, jobs.Handler]:
    known: dict[str, jobs.Handler] = {}
    monkeypatch.setattr(jobs, "_HANDLERS", known)
    monkeypatch.setattr(jobs, "_PERIODS", {})

    @jobs.handles("sum")
    def add(context: jobs.JobContext, *, numbers: list[int]) -> dict[str, int]:
        context.progress(len(numbers), len(numbers), "added")
        return {"sum": sum(numbers)}

    @jobs.handles("test.slow")
    def slow(context: jobs.JobContext, *, name: str) -> None:
        raise AssertionError("runs in the program only")

    return known


def failing(error: Exception) -> Callable[..., None]:
    def handler(context: jobs.JobContext) -> None:
        raise error

    return handler


@pytest.mark.django_db
def test_job_runs_and_keeps_its_result_and_progress() -> None:
    jobs.enqueue("sum", {"numbers": [1, 2, 3]}, now=NOW)
    job = jobs.claim("w", now=NOW)
    assert job is not None
    assert jobs.run(job, clock=lambda: NOW) == Job.State.DONE
    assert (job.result, job.progress, job.progress_note, job.attempt) == ({"sum": 6}, 3, "added", 1)
    assert jobs.claim("w", now=NOW) is None


@pytest.mark.django_db
def test_job_of_a_rolled_back_transaction_does_not_exist() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        jobs.enqueue("sum", {"numbers": []}, now=NOW)
        raise RuntimeError
    assert not Job.objects.exists()


@pytest.mark.django_db
def test_same_key_returns_the_same_job() -> None:
    first = jobs.enqueue("sum", {"numbers": [1]}, key="a", now=NOW)
    assert jobs.enqueue("sum", {"numbers": [2]}, key="a", now=NOW) == first
    assert Job.objects.count() == 1


@pytest.mark.django_db
def test_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(jobs.UnableToEnqueue, match="'dance'"):
        jobs.enqueue("dance", now=NOW)


@pytest.mark.django_db
def test_failure_is_tried_again_later_each_time_and_then_given_up(handlers: dict[str, jobs.Handler]) -> None:
    handlers["bad"] = failing(OSError("no route"))
    jobs.enqueue("bad", max_attempts=3, now=NOW)
    now, waits = NOW, []
    for _ in range(3):
        job = jobs.claim("w", now=now)
        assert job is not None
        jobs.run(job, clock=lambda now=now: now)
        waits.append(job.run_after - now)
        assert jobs.claim("w", now=now) is None or job.state == Job.State.FAILED
        now = max(job.run_after, now)
    assert waits[:2] == [timedelta(seconds=5), timedelta(seconds=10)]
    assert (job.state, job.error, job.attempt) == ("failed", "OSError: no route", 3)


@pytest.mark.django_db
def test_giving_up_fails_at_once(handlers: dict[str, jobs.Handler]) -> None:
    handlers["bad"] = failing(jobs.GiveUp("the file is gone"))
    jobs.enqueue("bad", now=NOW)
    job = jobs.claim("w", now=NOW)
    assert jobs.run(job) == Job.State.FAILED
    assert (job.error, job.attempt) == ("the file is gone", 1)


@pytest.mark.django_db
def test_lost_lease_puts_the_job_back_and_the_late_worker_cannot_write() -> None:
    jobs.enqueue("sum", {"numbers": [1]}, now=NOW)
    lost = jobs.claim("dead", now=NOW)
    assert jobs.sweep(now=NOW + TEN) == 0
    assert jobs.sweep(now=NOW + 4 * TEN) == 1
    again = jobs.claim("alive", now=NOW + 4 * TEN)
    assert (again.pk, again.attempt) == (lost.pk, 2)
    jobs.run(lost, clock=lambda: NOW)
    again.refresh_from_db()
    assert (again.state, again.lease_owner) == ("running", "alive")
    assert jobs.run(again) == Job.State.DONE


@pytest.mark.django_db
def test_job_of_a_worker_that_was_killed_here_need_not_wait_for_its_lease() -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    alive = process_owner()
    jobs.enqueue("sum", {"numbers": [1]}, now=NOW)
    jobs.enqueue("sum", {"numbers": [2]}, now=NOW)
    jobs.claim(alive.replace(f":{os.getpid()}:", f":{ended.pid}:"), now=NOW)
    jobs.claim(alive, now=NOW)
    assert jobs.sweep(now=NOW) == 1
    assert list(Job.objects.order_by("id").values_list("state", flat=True)) == ["waiting", "running"]


@pytest.mark.django_db
def test_job_that_kills_its_worker_each_time_is_given_up() -> None:
    jobs.enqueue("sum", {"numbers": []}, max_attempts=2, now=NOW)
    for turn in (1, 2):
        assert jobs.claim("w", now=NOW + turn * 10 * TEN) is not None
        jobs.sweep(now=NOW + turn * 10 * TEN + 4 * TEN)
    assert Job.objects.get().state == Job.State.FAILED
    assert "died" in Job.objects.get().error


@pytest.mark.django_db
def test_cancelled_job_stops_at_its_next_report(handlers: dict[str, jobs.Handler]) -> None:
    user = make_user()

    def handler(context: jobs.JobContext) -> str:
        jobs.cancel(Job.objects.get(pk=context.job_id), actor=user, now=NOW)
        context.progress(1)
        return "never"

    handlers["long"] = handler
    jobs.enqueue("long", now=NOW)
    job = jobs.claim("w", now=NOW)
    assert jobs.run(job) == Job.State.CANCELLED
    assert job.result is None
    assert AuditRecord.objects.get(verb="job.cancel").actor_id == user.pk
    with pytest.raises(jobs.UnableToCancel):
        jobs.cancel(job, actor=user, now=NOW)


@pytest.mark.django_db
def test_periodic_job_is_made_once_per_period_by_any_number_of_schedulers() -> None:
    jobs.schedule("sum", timedelta(hours=1))
    assert [jobs.enqueue_periodic(now=NOW + timedelta(minutes=m)) for m in (0, 0, 30, 61, 61, 70)] == [1, 0, 0, 1, 0, 0]
    assert Job.objects.count() == 2


@pytest.mark.django_db
def test_periodic_job_with_nothing_to_do_leaves_no_row_and_runs_at_the_first_look_after() -> None:
    work: list[str] = []
    jobs.schedule("sum", timedelta(hours=1), when=lambda: bool(work))
    assert [jobs.enqueue_periodic(now=NOW + timedelta(minutes=m)) for m in (0, 61, 125)] == [0, 0, 0]
    assert not Job.objects.exists()
    work.append("something turned up")
    assert [jobs.enqueue_periodic(now=NOW + timedelta(minutes=m)) for m in (126, 127, 187)] == [1, 0, 1]


@pytest.mark.django_db
def test_periodic_job_is_told_apart_by_its_key() -> None:
    jobs.schedule("sum", timedelta(hours=1))
    jobs.enqueue_periodic(now=NOW)
    assert jobs.is_periodic(Job.objects.get())
    assert not jobs.is_periodic(jobs.enqueue("sum", {"numbers": []}, now=NOW))
    assert not jobs.is_periodic(jobs.enqueue("sum", {"numbers": []}, key="sum of the month", now=NOW))


@pytest.mark.parametrize(
    ("key", "state", "level"),
    [
        ("sum@1", Job.State.DONE, "DEBUG"),
        ("sum@1", Job.State.WAITING, "INFO"),
        ("sum@1", Job.State.FAILED, "WARNING"),
        (None, Job.State.DONE, "INFO"),
        (None, Job.State.FAILED, "WARNING"),
    ],
)
def test_an_idle_worker_is_quiet_and_a_failure_is_not(key: str | None, state: Job.State, level: str) -> None:
    assert logging.getLevelName(loudness(Job(kind="sum", idempotency_key=key), state)) == level


@pytest.mark.django_db(transaction=True)
def test_committed_job_rings_the_worker_and_an_uncommitted_one_does_not() -> None:
    wake.rang()
    with transaction.atomic():
        jobs.enqueue("sum", {"numbers": []}, now=NOW)
        assert not wake.rang()
    assert wake.rang()
    assert not wake.rang()


@pytest.mark.django_db(transaction=True)
def test_eight_threads_claim_each_job_once() -> None:
    from django.db import connections

    for number in range(40):
        jobs.enqueue("sum", {"numbers": [number]}, now=NOW)
    claimed: list[int] = []

    def work(name: str) -> None:
        while (job := jobs.claim(name, now=NOW)) is not None:
            claimed.append(job.pk)
        connections.close_all()

    threads = [threading.Thread(target=work, args=(str(n),), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(claimed) == sorted(Job.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_worker_does_new_work_within_a_second_and_stops_in_order() -> None:
    from django.utils import timezone

    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(stop,), daemon=True)
    worker.start()
    try:
        wait_until(lambda: Job.objects.count() == 0, 5)
        job = jobs.enqueue("sum", {"numbers": [4, 5]}, now=timezone.now())
        wait_until(lambda: Job.objects.get(pk=job.pk).state == Job.State.DONE, 5)
    finally:
        stop.set()
        worker.join(10)
    assert not worker.is_alive()


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def start_worker(data: Path, log: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[3]
    environment = os.environ | {
        "CAISO_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": "caiso.web.config.settings",
        "PYTHONPATH": str(root / "src"),
    }
    program = str(Path(__file__).with_name("worker_program.py"))
    return subprocess.Popen([sys.executable, program, str(connection.settings_dict["NAME"]), str(log)], env=environment)


@pytest.mark.django_db(transaction=True)
def test_killed_worker_loses_no_job(own_data: Path) -> None:
    log = own_data / "log"
    log.touch()
    now = datetime.now(NOW.tzinfo)
    for name in ("a", "b", "c"):
        jobs.enqueue("test.slow", {"name": name}, now=now)
    first = start_worker(own_data, log)
    try:
        wait_until(lambda: log.read_text().count("start") >= 2, 20)
        first.send_signal(signal.SIGKILL)
        first.wait(5)
        running = set(Job.objects.filter(kind="test.slow", state="running").values_list("arguments__name", flat=True))
        assert running
        second = start_worker(own_data, log)
        try:
            wait_until(lambda: Job.objects.filter(kind="test.slow", state="done").count() == 3, 60)
            second.send_signal(signal.SIGTERM)
            assert second.wait(10) == 0
        finally:
            second.kill()
    finally:
        first.kill()
    attempts = dict(Job.objects.filter(kind="test.slow").values_list("arguments__name", "attempt"))
    assert all(attempts[name] >= 2 for name in running), (running, attempts, log.read_text())
    ended = {line.split()[1] for line in log.read_text().splitlines() if line.startswith("end")}
    assert ended == {"a", "b", "c"}
