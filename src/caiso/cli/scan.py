"""`caiso scan`: the AI assets of a folder, a file or a repository, with the lines that prove them."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from caiso.cli.output import Data, Json, emit, harmless, note

if TYPE_CHECKING:
    from caiso.connect.source.folder import Listing
    from caiso.engine.discover import Asset, ScanResult

_SHOWN_PROBLEMS = 20


def scan(
    target: Annotated[str, typer.Argument(metavar="PATH|GIT-URL", help="A folder, a file, or a repository address.")],
    *,
    data: Data = None,
    json: Json = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show tests and inactive findings in the table too.", show_default=False)
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that fetching a repository may take.")] = 300.0,
    takes_in: Annotated[
        bool, typer.Option("--import", help="Take the findings into the inventory of --data.", show_default=False)
    ] = False,
    place: Annotated[str, typer.Option(help="What the inventory calls the place; else its address or path.")] = "",
    unit: Annotated[str | None, typer.Option(help="The unit that answers; else the whole organisation.")] = None,
) -> None:
    """Find the AI assets of a source tree. Nothing that is scanned is executed, imported or unpickled.

    \b
    Example: caiso scan . --json
    """
    from caiso.connect.source import folder, git

    commit = ""
    if git.is_url(target):
        note("Fetching the repository …")
        with git.clone(target, timeout_s=timeout) as tree:
            listing, result = _read(folder.read(tree.path))
            commit = tree.commit
    else:
        listing, result = _read(folder.read(Path(target)))
    if takes_in:
        from caiso.cli.platform.scans import take_in

        take_in(listing, result, place=place or _place(target), unit=unit, commit=commit, data=data)
    if json:
        emit(_payload(listing, result, commit))
    else:
        _print(listing, result, commit, everything=everything)


def _place(target: str) -> str:
    from caiso.connect.source import git

    return target if git.is_url(target) else str(Path(target).resolve())


def _read(listing: "Listing") -> "tuple[Listing, ScanResult]":
    from caiso.engine.discover import scan_tree

    return listing, scan_tree(listing.files)


def _payload(listing: "Listing", result: "ScanResult", commit: str) -> dict[str, Any]:
    payload: dict[str, Any] = result.as_dict()
    payload["summary"]["skipped"] = dict(sorted(listing.skipped.items()))
    if commit:
        payload["summary"]["commit"] = commit
    payload["errors"] += [{"path": problem.path, "reason": problem.reason} for problem in listing.problems]
    return payload


def _print(listing: "Listing", result: "ScanResult", commit: str, *, everything: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    shown = [asset for asset in result.assets if everything or asset.status == "active"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Kind", "Name", "Status", "Proof", "Related to"):
        table.add_column(heading, overflow="fold")
    for asset in shown:
        table.add_row(*(escape(harmless(cell)) for cell in _row(asset)))
    if shown:
        console.print(table)
    hidden = Counter(str(asset.status) for asset in result.assets if asset not in shown)
    parts = [f"{result.files_scanned} files", f"{len(shown)} assets"]
    parts += [f"{count} {status} (see --all)" for status, count in sorted(hidden.items())]
    parts += [f"{count} left out: {reason}" for reason, count in sorted(listing.skipped.items())]
    console.print("\n" + escape(", ".join(parts) + (f", commit {commit[:12]}" if commit else "")))
    problems = [*result.errors, *listing.problems]
    for problem in problems[:_SHOWN_PROBLEMS]:
        note(f"{problem.path}: {problem.reason}")
    if len(problems) > _SHOWN_PROBLEMS:
        note(f"and {len(problems) - _SHOWN_PROBLEMS} more problems (see --json)")


def _row(asset: "Asset") -> tuple[str, str, str, str, str]:
    first = asset.evidence[0]
    proof = f"{first.path}:{first.line}" if first.line else first.path
    if len(asset.evidence) > 1:
        proof += f" +{len(asset.evidence) - 1}"
    related = ", ".join(
        f"{edge.type.replace('_', ' ')} {edge.target.rpartition('#')[2]}" for edge in asset.relations[:4]
    )
    return asset.kind.replace("_", " "), asset.name, str(asset.status), proof, related


app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("scan")(scan)
