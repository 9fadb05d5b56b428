"""Clones a repository for reading only: shallow, no hooks, filters, submodules or templates, within time and size."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from caiso.errors import DomainError

_URL = re.compile(
    r"^(?:https://(?:[^\s/@]+@)?[A-Za-z0-9][\w.-]*(?::\d+)?/[\w./~+%@-]+"
    r"|ssh://(?:[\w.-]+@)?[A-Za-z0-9][\w.-]*(?::\d+)?/[\w./~+-]+"
    r"|[\w.-]+@[A-Za-z0-9][\w.-]*:[\w~][\w./~+-]*"
    r"|file:///[\w./~+ -]+)$"
)
_LOOKS = re.compile(r"^(?:[a-z][a-z0-9+.-]*::|[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)")
_NUL = os.devnull
_POLL_SECONDS = 0.1


class UnableToClone(DomainError):
    """The repository was refused or could not be fetched within the limits."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A working tree and the commit it holds; gone when the context ends."""

    path: Path
    commit: str


def is_url(text: str) -> bool:
    """Whether a command-line argument is meant as a repository address."""
    return bool(_LOOKS.match(text))


@contextmanager
def clone(
    url: str, *, timeout_s: float = 300.0, max_bytes: int = 2_000_000_000, is_guarded: bool = False, pin: str = ""
) -> Iterator[Clone]:
    """Fetch the newest commit of the default branch into a temporary folder; raises UnableToClone.

    A guarded clone goes over https to this very host (a redirect could lead into a private network); `pin`
    ("host:port:address") fixes what the name meant when it was checked.
    """
    if not _URL.match(url) or ".." in url:
        raise UnableToClone("the address is not one of https://, ssh://, user@host:path or file:///")
    git = shutil.which("git")
    if git is None:
        raise UnableToClone("git is not installed")
    with tempfile.TemporaryDirectory(prefix="caiso-scan-") as folder:
        target = Path(folder) / "tree"
        # An empty template folder: the installed one may hold hooks.
        template = Path(folder) / "template"
        template.mkdir()
        command = [
            git,
            *_settings(),
            *(_guard(pin) if is_guarded else ()),
            "clone",
            "--quiet",
            "--depth=1",
            "--single-branch",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-local",
            f"--template={template}",
            "--",
            url,
            str(target),
        ]
        _run(command, Path(folder), timeout_s=timeout_s, max_bytes=max_bytes)
        yield Clone(target, _head(git, target))


def _settings() -> list[str]:
    settings = {
        "core.hooksPath": _NUL,
        "core.fsmonitor": "false",
        "core.symlinks": "false",
        "core.attributesFile": _NUL,
        "core.protectHFS": "true",
        "core.protectNTFS": "true",
        "credential.helper": "",
        "protocol.allow": "never",
        "protocol.https.allow": "always",
        "protocol.ssh.allow": "always",
        "protocol.file.allow": "always",
        "protocol.ext.allow": "never",
        "submodule.recurse": "false",
        "fetch.recurseSubmodules": "false",
        "filter.lfs.smudge": "",
        "filter.lfs.process": "",
        "filter.lfs.required": "false",
        "gc.auto": "0",
        "maintenance.auto": "false",
        "advice.detachedHead": "false",
        "http.followRedirects": "initial",
    }
    return [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]


def _guard(pin: str) -> list[str]:
    settings = ["http.followRedirects=false", "protocol.ssh.allow=never", "protocol.file.allow=never"]
    if pin:
        settings.append(f"http.curloptResolve={pin}")
    return [word for setting in settings for word in ("-c", setting)]


def _environment() -> dict[str, str]:
    kept = (
        "PATH",
        "HOME",
        "LANG",
        "SSH_AUTH_SOCK",
        "HTTPS_PROXY",
        "https_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
    )
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    return environment | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": _NUL,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ALLOW_PROTOCOL": "https:ssh:file",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oPermitLocalCommand=no",
    }


def _run(command: list[str], folder: Path, *, timeout_s: float, max_bytes: int) -> None:
    errors = folder / "errors.txt"
    with errors.open("wb") as sink:
        # A fixed program and checked address; the child leads its own group so that helpers die with it.
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sink,
            env=_environment(),
            cwd=folder,
            start_new_session=True,
        )
        try:
            _watch(process, folder, timeout_s=timeout_s, max_bytes=max_bytes)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode:
        raise UnableToClone(f"git could not fetch the repository: {_reason(errors)}")
    if _size(folder) > max_bytes:
        raise UnableToClone(f"the repository is larger than {max_bytes} bytes")


def _watch(process: subprocess.Popen[bytes], folder: Path, *, timeout_s: float, max_bytes: int) -> None:
    deadline = time.monotonic() + timeout_s
    pause = _POLL_SECONDS
    while process.poll() is None:
        if time.monotonic() > deadline:
            raise UnableToClone(f"the repository did not arrive within {timeout_s:g} seconds")
        if _size(folder) > max_bytes:
            raise UnableToClone(f"the repository is larger than {max_bytes} bytes")
        try:
            process.wait(timeout=pause)
        except subprocess.TimeoutExpired:
            pause = min(pause * 1.5, 2.0)


def _size(folder: Path) -> int:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{base}/{name}").st_size
            except OSError:
                # Git moves its temporary files while it works.
                continue
    return total


def _reason(errors: Path) -> str:
    """Git's last line, without addresses: they may hold a password."""
    lines = errors.read_text("utf-8", "replace").strip().splitlines()
    last = lines[-1] if lines else "no reason given"
    return re.sub(r"[a-z]+://\S+", "(address)", last)[:300]


def _head(git: str, tree: Path) -> str:
    result = subprocess.run(  # noqa: S603 - fixed program and arguments
        [git, *_settings(), "-C", str(tree), "rev-parse", "HEAD"],
        capture_output=True,
        env=_environment(),
        timeout=30,
        check=False,
    )
    return result.stdout.decode("ascii", "replace").strip() if result.returncode == 0 else ""
