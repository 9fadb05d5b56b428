"""`caiso check-packs`: every shipped content pack and folders of one's own, with every mistake by file and line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from caiso.cli.output import Data, Json, emit, harmless, note
from caiso.engine.packs import CONTENT, PackKind, PackProblem, load_folder

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True, slots=True)
class Checked:
    """One kind of content after reading it from all folders."""

    kind: str
    packs: int
    problems: tuple[PackProblem, ...]


Loader = Callable[[Sequence[Path]], tuple[int, Sequence[PackProblem]]]


def shipped_kinds() -> tuple[PackKind[Any], ...]:
    """The kinds that have a JSON Schema in content/schemas."""
    from caiso.engine.clocks import CLOCKS
    from caiso.engine.comply import CONTROLS, FRAMEWORKS
    from caiso.engine.coverage.organisation.loading import ORGANISATION
    from caiso.engine.detect.requirements import REQUIREMENTS
    from caiso.engine.detect.taxonomy import TAXONOMIES
    from caiso.engine.drill import DRILLS

    return (FRAMEWORKS, CONTROLS, CLOCKS, ORGANISATION, TAXONOMIES, DRILLS, REQUIREMENTS)


def check_content(folders: Sequence[Path]) -> Iterator[Checked]:
    """Read the shipped content and the users' content folders, kind by kind."""
    for folder, load in _loaders().items():
        count, problems = load([CONTENT / folder, *_inside(folders, folder)])
        yield Checked(folder, count, tuple(problems))
    unknown = tuple(problem for folder in folders for problem in _unplaced(folder))
    if unknown:
        yield Checked("unknown", 0, unknown)


def _loaders() -> dict[str, Loader]:
    from caiso.engine.comply import FRAMEWORKS, control_kind

    frameworks, clocks, organisation, taxonomies, telemetry = (
        kind for kind in shipped_kinds() if kind.name in ("framework", "clock", "organisation", "taxonomy", "telemetry")
    )

    def controls(folders: Sequence[Path]) -> tuple[int, Sequence[PackProblem]]:
        roots = [folder.parent / FRAMEWORKS.folder for folder in folders]
        known, _ = load_folder(FRAMEWORKS, *(root for root in roots if root.is_dir()))
        return _counted(control_kind(pack.value for pack in known), folders)

    return {
        "frameworks": lambda folders: _counted(frameworks, folders),
        "controls": controls,
        "clocks": lambda folders: _counted(clocks, folders),
        "organisation": lambda folders: _counted(organisation, folders),
        "taxonomies": lambda folders: _counted(taxonomies, folders),
        "detections": _detections,
        "drills": _drills,
        "telemetry": lambda folders: _counted(telemetry, folders),
    }


def _counted(kind: PackKind[Any], folders: Sequence[Path]) -> tuple[int, Sequence[PackProblem]]:
    packs, problems = load_folder(kind, *folders)
    return len(packs), problems


def _detections(folders: Sequence[Path]) -> tuple[int, Sequence[PackProblem]]:
    from caiso.engine.detect.loader import load_rules

    rules, problems = load_rules(*folders)
    return len(rules), problems


def _drills(folders: Sequence[Path]) -> tuple[int, Sequence[PackProblem]]:
    """Drills may expect rules that ship and rules that stand beside them."""
    from caiso.engine.detect.loader import load_rules
    from caiso.engine.drill import drill_kind

    roots = [folder.parent / "detections" for folder in folders]
    rules, _ = load_rules(*(root for root in roots if root.is_dir()))
    return _counted(drill_kind(rule.id for rule in rules), folders)


def _inside(folders: Sequence[Path], kind: str) -> list[Path]:
    """A user's folder either holds folders named after kinds, or is one itself."""
    named = [folder if folder.name == kind else folder / kind for folder in folders]
    return [folder for folder in named if folder.is_dir()]


def _unplaced(folder: Path) -> Iterator[PackProblem]:
    kinds = list(_loaders())
    expected = f"expected one of the folders {', '.join(kinds)}"
    if not folder.is_dir():
        yield PackProblem(folder, 0, "is not a folder")
        return
    if folder.name in kinds:
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in kinds and any(path.rglob("*.y*ml")):
            yield PackProblem(path, 0, f"holds packs of no known kind, {expected}")
        elif path.suffix in {".yaml", ".yml"}:
            yield PackProblem(path, 0, f"stands in no folder of a kind, {expected}")
    if not any((folder / kind).is_dir() for kind in kinds):
        yield PackProblem(folder, 0, f"holds no packs, {expected}")


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _sentence(problem: PackProblem) -> str:
    return str(PackProblem(Path(_shown(problem.path)), problem.line, problem.message))


@app.command()
def check_packs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Content folders of your own, with folders such as controls/ inside."),
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check the shipped packs and those in DIR; exit code 1 and every mistake as file:line when one is wrong.

    \b
    Example: caiso check-packs ./my-content --json
    """
    checked = list(check_content([folder.absolute() for folder in folders or []]))
    problems = [problem for one in checked for problem in one.problems]
    if json:
        emit(_report(checked, problems))
    else:
        for problem in problems:
            typer.echo(harmless(_sentence(problem)))
        for one in checked:
            if one.kind != "unknown":
                note(f"{one.kind}: {one.packs} good, {len(one.problems)} problems")
    if problems:
        raise typer.Exit(1)


def _report(checked: Sequence[Checked], problems: Sequence[PackProblem]) -> dict[str, object]:
    return {
        "ok": not problems,
        "kinds": [{"kind": one.kind, "packs": one.packs, "problems": len(one.problems)} for one in checked],
        "problems": [
            {
                "path": _shown(problem.path),
                "line": problem.line or None,
                "message": problem.message,
                "text": _sentence(problem),
            }
            for problem in problems
        ],
    }
