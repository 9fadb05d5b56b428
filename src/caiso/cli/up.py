"""`caiso up`: start the platform on a data directory and keep it running."""

import json
import os
import socket
import threading
import time
from importlib.util import find_spec
from typing import Annotated

import typer

from caiso.cli.output import Data, Json, Progress, emit, is_terminal, log_line, note
from caiso.cli.preparation import recall, remember
from caiso.cli.supervisor import Program, Supervisor, UnableToStart, listen, lock_data_dir
from caiso.datadir import chosen_data_dir

MOST_WEB = 32
PROCESS = ("-m", "caiso.cli.platform.processes")


def up(
    *,
    data: Data = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    web: Annotated[
        int,
        typer.Option(min=1, max=MOST_WEB, help="Web processes that share the address; more than one on PostgreSQL."),
    ] = 1,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Start empty: no demo organisation.")] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the pages in a browser when ready.")] = False,
    as_json: Json = False,
) -> None:
    """Start pages, API, jobs and detection; stop all of them with Ctrl-C.

    A new data directory gets its tables, a first administrator and, unless --no-demo, the demo organisation.

    \b
    Example: caiso up --data ./data --port 8000
    """
    if web > 1 and not os.environ.get("CAISO_DATABASE_URL"):
        raise UnableToStart(
            f"--web {web} needs PostgreSQL: on SQLite one process writes at a time; see CAISO_DATABASE_URL"
        )
    folder = chosen_data_dir(data)
    lock = lock_data_dir(folder)
    listener = listen(host, port)
    port = listener.getsockname()[1]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
    lock.describe(url)
    supervisor = Supervisor(
        folder,
        programs(listener.fileno(), web=web),
        log_to_files=is_terminal(),
        facts={"url": url, "host": host, "port": port},
        tell=note if is_terminal() else log_line,
    )
    supervisor.watch_signals()
    told = recall(folder) or prepared(supervisor, with_demo=not no_demo)
    if not supervisor.stopping:
        ready = Ready(url, host, port, told, as_json=as_json, open_browser=open_browser)
        threading.Thread(target=ready.wait, daemon=True).start()
        supervisor.run()
    lock.release()


def prepared(supervisor: Supervisor, *, with_demo: bool) -> dict[str, object]:
    """Bring the store up to date in a process of its own; what a person needs to sign in."""
    wanted = ("--demo",) if with_demo else ()
    progress = Progress()
    progress("preparing the store")
    try:
        result = supervisor.finish(
            Program("prepare", (*PROCESS, "prepare", *wanted)),
            heard=lambda line: progress(f"preparing the store: {line.decode('utf-8', 'replace')}"),
        )
    finally:
        progress.end()
    if supervisor.stopping:
        return {}
    told: dict[str, object] = json.loads(result)
    return remember(supervisor.data, told)


def programs(listener: int, *, web: int = 1) -> list[Program]:
    """The processes of one machine that this installation can run."""
    names = ["web", *(f"web-{number}" for number in range(2, web + 1))]
    found = [Program(name, (*PROCESS, "web", str(listener)), files=(listener,)) for name in names]
    for name, module in (("worker", "caiso.web.base.worker"), ("detector", "caiso.web.soc.detector")):
        if find_spec(module) is not None:
            found.append(Program(name, (*PROCESS, name), after_s=1.0))
    return found


class Ready:
    """Tells the person once when the pages answer: where, and how to sign in."""

    PATIENCE_S = 120.0

    def __init__(
        self, url: str, host: str, port: int, prepared: dict[str, object], *, as_json: bool, open_browser: bool
    ) -> None:
        self.url, self.host, self.port = url, host, port
        self.prepared, self.as_json, self.open_browser = prepared, as_json, open_browser

    def wait(self) -> None:
        """Ask the web process until it answers, then say so."""
        deadline = time.monotonic() + self.PATIENCE_S
        while time.monotonic() < deadline:
            if self._answers():
                self._tell()
                return
            time.sleep(0.2)
        note(f"caiso: {self.url} does not answer; `caiso status` and the logs tell why")

    def _answers(self) -> bool:
        # Asked in so many words: this process stays, and http.client would leave it 5 MB of TLS and mail.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        question = f"GET /healthz HTTP/1.1\r\nHost: localhost:{self.port}\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection((host, self.port), timeout=10) as connection:
                connection.sendall(question.encode())
                with connection.makefile("rb") as answer:
                    words = answer.readline(1_000).split()
        except OSError:
            return False
        return len(words) > 1 and words[1].isdigit() and int(words[1]) < 500

    def _tell(self) -> None:
        if self.as_json:
            emit({"url": self.url, "pid": os.getpid(), **self.prepared})
        else:
            typer.echo(f"\n  caiso is ready: {self.url}")
            for line in login_lines(self.prepared):
                typer.echo(f"  {line}")
            typer.echo("  Stop with Ctrl-C.\n")
        if self.open_browser:
            import webbrowser

            webbrowser.open(self.url)


def login_lines(prepared: dict[str, object]) -> list[str]:
    """What to print about signing in."""
    logins = prepared.get("logins")
    logins = logins if isinstance(logins, list) else []
    widest = max((len(str(login["email"])) for login in logins), default=0)
    lines = [f"  {login['email']:<{widest}}  {login['password']}  ({login['role']})" for login in logins]
    if lines:
        lines.insert(0, "Sign in as:")
    if all(login.get("demo") for login in logins):
        lines.append("Your own logins keep their passwords; `caiso user reset-password EMAIL` gives a new one.")
    return lines


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("up")(up)
