"""Starts a trial in a process of its own, passes its progress on, and ends it when it is cancelled or takes too much."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Final, TypeVar

import msgspec

from caiso.errors import DomainError

Result = TypeVar("Result")
Tell = Callable[[int, int, str], None]
TRIAL: Final = "caiso.connect.telemetry.trial.child"
QUERY: Final = "caiso.connect.telemetry.query.child"
WORDING: Final = "caiso.connect.telemetry.wording"
JOINING: Final = "caiso.connect.telemetry.joining"
_LOOK_SECONDS: Final = 0.25
_MAX_MESSAGE: Final = 64 << 20
_KEPT_ERROR: Final = 4_000


class UnableToTry(DomainError):
    """The trial was refused, took too long or too much memory, or ended without a result."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a trial may take; address space is far above memory in use, because libraries reserve what they never touch."""

    seconds: float = 600.0
    cpu_seconds: int = 900
    address_bytes: int = 6 << 30


class _Message(msgspec.Struct):
    progress: tuple[int, int, str] | None = None
    refused: str = ""
    result: msgspec.Raw = msgspec.Raw(b"")


def run_trial(
    job: msgspec.Struct, result: type[Result], *, tell: Tell, bounds: Bounds = Bounds(), child: str = TRIAL
) -> Result:
    """The trial's result. ``tell`` gets its progress, at most a few times a second; what it raises ends the trial."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, numbers as arguments
        [sys.executable, "-m", child, str(bounds.cpu_seconds), str(bounds.address_bytes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
    )
    try:
        return msgspec.json.decode(_Watch(process, tell, bounds).result_of(msgspec.json.encode(job)), type=result)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _environment() -> dict[str, str]:
    """Only what Python needs: no setting and no secret of ours goes into the child."""
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


class _Watch:
    """Reads what a child says until it has said its result, or its time is over."""

    def __init__(self, child: subprocess.Popen[bytes], tell: Tell, bounds: Bounds) -> None:
        self._child, self._tell, self._bounds = child, tell, bounds
        self._said, self._error = bytearray(), bytearray()
        self._progress = (0, 0, "")

    def result_of(self, job: bytes) -> bytes:
        """Hand the job over and return its result, still encoded."""
        stdin, stdout, stderr = self._child.stdin, self._child.stdout, self._child.stderr
        if stdin is None or stdout is None or stderr is None:
            raise UnableToTry("the trial has no pipes")
        self._tell(*self._progress)  # whoever cancelled before it began need not wait
        _hand_over(stdin, job)
        deadline, told_at = time.monotonic() + self._bounds.seconds, time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ, self._said)
            selector.register(stderr, selectors.EVENT_READ, self._error)
            while selector.get_map():
                self._read(selector)
                result = self._heard()
                if result is not None:
                    return result
                now = time.monotonic()
                if now > deadline:
                    raise UnableToTry(f"it took longer than {self._bounds.seconds:g} seconds and was stopped")
                if now - told_at >= _LOOK_SECONDS:
                    told_at = now
                    self._tell(*self._progress)
        self._child.wait()
        raise UnableToTry(_why(self._child.returncode, bytes(self._error)))

    def _read(self, selector: selectors.BaseSelector) -> None:
        for key, _ in selector.select(_LOOK_SECONDS):
            piece = os.read(key.fd, 1 << 16)
            if piece:
                key.data.extend(piece)
            else:
                selector.unregister(key.fileobj)
        del self._error[:-_KEPT_ERROR]

    def _heard(self) -> bytes | None:
        """The result, if it was said; what comes before it moves the progress on."""
        for message in _messages(self._said):
            if message.progress is not None:
                self._progress = message.progress
            elif message.refused:
                raise UnableToTry(message.refused)
            else:
                return bytes(message.result)
        return None


def _hand_over(pipe: IO[bytes], data: bytes) -> None:
    try:
        pipe.write(data)
        pipe.close()
    except BrokenPipeError:
        pass  # it died at once; its last words are read below


def _messages(buffer: bytearray) -> list[_Message]:
    if len(buffer) > _MAX_MESSAGE:
        raise UnableToTry("the result is too large")
    found = []
    while (end := buffer.find(b"\n")) >= 0:
        found.append(msgspec.json.decode(bytes(buffer[:end]), type=_Message))
        del buffer[: end + 1]
    return found


def _why(code: int, error: bytes) -> str:
    lines = error.decode("utf-8", "replace").strip().splitlines()
    last = next((line.strip()[:300] for line in reversed(lines) if any(map(str.isalnum, line))), "")
    if "MemoryError" in last or "bad_alloc" in last:
        return "it needed more memory than it may take and was stopped"
    return f"it ended without a result ({code})" + (f": {last}" if last else "")
