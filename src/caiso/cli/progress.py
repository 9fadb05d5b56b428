"""A bar on standard error while long work goes on; silent where nobody watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from caiso.cli.output import harmless, is_terminal

Tell = Callable[[int, int, str], None]


@contextmanager
def progress(label: str) -> Iterator[Tell]:
    """A function that takes what is done, the whole (0: unknown) and a word on what comes next."""
    if not is_terminal():
        yield lambda done, total, note: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None, note="")

        def tell(done: int, total: int, note: str) -> None:
            bar.update(task, completed=done, total=total or None, note=escape(harmless(note)[:60]))

        yield tell
