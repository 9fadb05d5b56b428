"""Starts the platform's processes, restarts those that die, and takes all of them down together; knows no Django."""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

from caiso.errors import DomainError

GRACE_S = 7.0  # children have this long to leave by themselves; with the kill after it, all are gone within 10 s
STEADY_S = 30.0  # a child that lived this long starts again without delay
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 30.0
HEARTBEAT_S = 5.0
PR_SET_PDEATHSIG = 1


class UnableToStart(DomainError):
    """The data directory or the address is taken, or preparing the store failed."""


@dataclass(frozen=True)
class Program:
    """One process to keep alive: its name and the arguments after the interpreter."""

    name: str
    arguments: tuple[str, ...]
    files: tuple[int, ...] = ()  # descriptors that the process inherits
    after_s: float = 0.0  # what nobody waits for starts a little later


@dataclass
class Child:
    """A program with its present process."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float = 0.0
    restarts: int = 0
    failures: int = 0
    last_exit: int | None = None

    def report(self) -> dict[str, object]:
        """What the state file says about this child."""
        return {
            "pid": self.process.pid if self.process else None,
            "running": self.process is not None,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
        }


class DataLock:
    """The data directory, held by this process until it ends."""

    def __init__(self, handle: IO[str]) -> None:
        self.handle = handle

    def describe(self, address: str) -> None:
        """Leave word of who holds the directory, for the next one who asks."""
        self.handle.seek(0)
        self.handle.truncate()
        self.handle.write(f"process {os.getpid()}, serving {address} since {_now()}")
        self.handle.flush()

    def release(self) -> None:
        """Let the directory go."""
        self.handle.close()


def lock_data_dir(data: Path, *, patience_s: float = 1.0) -> DataLock:
    """Take the data directory, or refuse with the name of who has it."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        keep_private(data)
        handle = (data / "caiso.lock").open("a+")
    except OSError as error:
        raise UnableToStart(f"{data} cannot be used: {error.strerror}; choose another --data") from None
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline:  # `caiso status` holds it for a moment
                time.sleep(0.05)
                continue
            handle.seek(0)
            holder = handle.read().strip() or "another process"
            handle.close()
            raise UnableToStart(f"{data} is in use by {holder}; stop it first, or choose another --data") from None
        return DataLock(handle)


def keep_private(data: Path) -> None:
    """Let only this user read the files that are there and those to come: they hold names, roles and sessions."""
    os.umask(0o077)
    for path in data.iterdir():
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o077:
            path.chmod(0o600)


def is_locked(data: Path) -> bool:
    """Whether a supervisor holds the data directory now."""
    try:
        with (data / "caiso.lock").open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def listen(host: str, port: int, *, patience_s: float = 2.0) -> socket.socket:
    """The listening socket; held by the supervisor so that a web process that restarts refuses nobody.

    Waits a little for an address that the killed processes of a former start are still leaving.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + patience_s
    while True:
        # The protocol is named because asyncio turns off Nagle's delay (40 ms) only on sockets that say TCP.
        server = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            server.bind((host, port))
            server.listen(512)
        except OSError as error:
            server.close()
            if time.monotonic() >= deadline:
                raise UnableToStart(
                    f"cannot listen on {host}:{port}: {error.strerror}; choose another --port"
                ) from None
            time.sleep(0.1)
        else:
            server.set_inheritable(True)
            return server


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends (Linux), however the parent ends."""
    if sys.platform != "linux":
        return
    parent = int(os.environ.get("CAISO_SUPERVISOR", "0"))
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:  # it ended before we asked
        os._exit(1)


@dataclass
class Supervisor:
    """Keeps programs alive until told to stop."""

    data: Path
    programs: Sequence[Program]
    log_to_files: bool = False
    facts: dict[str, object] = field(default_factory=dict)  # address and the like, for the state file
    tell: Callable[[str], None] = print

    def __post_init__(self) -> None:
        self.children = [Child(program) for program in self.programs]
        self.stopping = False
        self.hurry = False
        self._beat_at = 0.0
        self._wake, self._waker = socket.socketpair()
        for end in (self._wake, self._waker):
            end.setblocking(False)

    def watch_signals(self) -> None:
        """From now on SIGTERM and SIGINT end the run in order; a second one ends it at once."""
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only wakes the loop

    def finish(self, program: Program, heard: Callable[[bytes], None] = lambda line: None) -> bytes:
        """Run a program that ends by itself: the last line that it prints is its result, those before go to `heard`.

        Refuses when it fails, and says where the reason stands.
        """
        process = self._spawn(program, stdout=subprocess.PIPE)
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        last = unfinished = b""
        while not self.stopping:
            printed = process.stdout.fileno()
            ready, _, _ = select.select([printed, self._wake.fileno()], [], [], HEARTBEAT_S)
            self._drain()
            if printed in ready:
                chunk = os.read(printed, 65536)
                if not chunk:
                    break
                *whole, unfinished = (unfinished + chunk).split(b"\n")
                for line in whole:
                    if last:
                        heard(last)
                    last = line
        if self.stopping:
            self._signal(process, signal.SIGTERM)
        code = process.wait()
        if code and not self.stopping:
            where = f"the reason stands in {self._log_path(program.name)}" if self.log_to_files else "see above"
            raise UnableToStart(f"{program.name} failed with exit code {code}; {where}")
        return last

    def run(self) -> None:
        """Start everything and keep it alive until a stop is asked for; then leave nobody behind."""
        for child in self.children:
            child.start_again_at = time.monotonic() + child.program.after_s
        try:
            while not self.stopping:
                self._start_due()
                self._beat()
                self._sleep()
                self._reap()
        finally:
            self._stop_all()
            self.state_path.unlink(missing_ok=True)

    @property
    def state_path(self) -> Path:
        """The file in which `caiso status` reads what runs."""
        return self.data / "state" / "supervisor.json"

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.hurry = self.stopping
        self.stopping = True

    def _spawn(self, program: Program, stdout: int | IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        log = self._log(program.name) if self.log_to_files else None
        try:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, *program.arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout if stdout is not None else (log or sys.stderr.fileno()),
                stderr=log,
                pass_fds=program.files,
                process_group=0,  # a Ctrl-C of the terminal reaches only the supervisor, which ends them in order
                env=os.environ | {"CAISO_DATA": str(self.data), "CAISO_SUPERVISOR": str(os.getpid())},
            )
        finally:
            if log:
                log.close()

    def _log_path(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def _log(self, name: str) -> IO[bytes]:
        path = self._log_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > 20_000_000:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is None and child.start_again_at <= now:
                child.process = self._spawn(child.program)
                child.started_at = now
                self._beat_at = 0.0

    def _reap(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is None or (code := child.process.poll()) is None:
                continue
            with contextlib.suppress(ProcessLookupError):  # what it had started itself must not outlive it
                os.killpg(child.process.pid, signal.SIGKILL)
            steady = now - child.started_at >= STEADY_S
            child.failures = 1 if steady else child.failures + 1
            delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (child.failures - 1))
            child.process, child.last_exit = None, code
            child.start_again_at = now + delay
            child.restarts += 1
            self._beat_at = 0.0
            if not self.stopping:
                self.tell(f"{child.program.name} ended with {_exit_words(code)}; starts again in {delay:.1f} s")

    def _sleep(self) -> None:
        waits = [child.start_again_at - time.monotonic() for child in self.children if child.process is None]
        timeout = max(0.0, min([*waits, self._beat_at + HEARTBEAT_S - time.monotonic(), HEARTBEAT_S]))
        select.select([self._wake], [], [], timeout)
        self._drain()

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake.recv(256):
                pass

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beat_at < HEARTBEAT_S:
            return
        self._beat_at = now
        state = {
            "pid": os.getpid(),
            "beat_at": _now(),
            **self.facts,
            "processes": {child.program.name: child.report() for child in self.children},
        }
        self.state_path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.state_path.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.replace(self.state_path)

    def _stop_all(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            self._signal(process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        while not self.hurry and time.monotonic() < deadline and any(p.poll() is None for p in running):
            select.select([self._wake], [], [], 0.1)
            self._drain()
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def _exit_words(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
