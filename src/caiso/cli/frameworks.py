"""`caiso frameworks`: the laws, standards and lists that are loaded, and the requirements of one."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caiso.cli.output import Data, Json, emit, harmless, note, show
from caiso.errors import DomainError

if TYPE_CHECKING:
    from caiso.engine.comply import Control, Framework, Library, Requirement

app = typer.Typer(help="List the frameworks, show their requirements.", add_completion=False, rich_markup_mode=None)


class UnableToFindFramework(DomainError):
    """No framework has this id, or several versions do."""


class UnableToReadSetting(DomainError):
    """A CAISO_* variable cannot be read."""


@app.callback(invoke_without_command=True)
def frameworks(
    ctx: typer.Context,
    data: Data = None,
    json: Json = False,
) -> None:
    """List the frameworks with publisher, status, licence and how many requirements each level has.

    \b
    Example: caiso frameworks --json
    """
    if ctx.invoked_subcommand is not None:
        return
    found = [_summary(pack.value) for pack in _library().frameworks]
    columns = {
        "id": "Framework",
        "version": "Version",
        "title": "Title",
        "status": "Status",
        "assessable": "Assessable",
    }
    show(found, columns, as_json=json)


@app.command("show")
def show_framework(
    name: Annotated[str, typer.Argument(metavar="ID", help="Such as nist-ai-rmf, or nist-ai-rmf@1.0.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """Show one framework: its facts, counts by level, requirements, and the controls that are linked to each.

    \b
    Example: caiso frameworks show nist-ai-rmf --json
    """
    library = _library()
    framework = library.framework(name)
    if framework is None:
        known = ", ".join(pack.value.key for pack in library.frameworks)
        raise UnableToFindFramework(f"no framework {name!r}, expected one of {known}")
    controls = [pack.value for pack in library.controls]
    if json:
        tree = [_node(framework, requirement, controls) for requirement in framework.requirements]
        emit({**_summary(framework), "note": framework.note, "requirements": tree})
        return
    typer.echo(f"{framework.title} {framework.version}, {framework.publisher}, {framework.status}")
    for requirement in framework.requirements:
        _print(requirement, depth=0)


def _library() -> "Library":
    from caiso.engine.comply import load_library

    # Read here and not through the platform's settings: this command works without an installation.
    library = load_library(*own_folders())
    for problem in library.problems:
        note(str(problem))
    return library


def own_folders() -> list[Path]:
    """The content folders of CAISO_PACKS, a JSON list of paths as in the platform's settings."""
    from json import JSONDecodeError, loads

    named = os.environ.get("CAISO_PACKS", "")
    if not named:
        return []
    try:
        folders = loads(named)
    except JSONDecodeError:
        folders = None
    if not isinstance(folders, list) or not all(isinstance(folder, str) for folder in folders):
        raise UnableToReadSetting('CAISO_PACKS is not a JSON list of folders such as ["./my-content"]')
    return [Path(folder) for folder in folders]


def _summary(framework: "Framework") -> dict[str, object]:
    return {
        "id": framework.id,
        "version": framework.version,
        "key": framework.key,
        "title": framework.title,
        "publisher": framework.publisher,
        "status": framework.status.value,
        "licence": framework.licence,
        "text_mode": framework.text_mode.value,
        "source": framework.source,
        "published_on": framework.published_on.isoformat(),
        "verified_on": framework.verified_on.isoformat(),
        "counts": framework.count_by_level(),
        "assessable": sum(node.assessable for node in framework.walk()),
    }


def _node(framework: "Framework", requirement: "Requirement", controls: "list[Control]") -> dict[str, object]:
    links = [
        {"control": control.id, "relation": link.relation.value, "strength": link.strength, "status": link.status.value}
        for control in controls
        for link in control.links
        if (link.framework, link.version, link.requirement) == (framework.id, framework.version, requirement.id)
    ]
    return {
        "id": requirement.id,
        "level": requirement.level,
        "title": requirement.title,
        "text": requirement.text,
        "assessable": requirement.assessable,
        "controls": links,
        "requirements": [_node(framework, child, controls) for child in requirement.requirements],
    }


def _print(requirement: "Requirement", *, depth: int) -> None:
    words = requirement.title or requirement.text or ""
    typer.echo(harmless(f"{'  ' * depth}{requirement.id}  {words}"))
    for child in requirement.requirements:
        _print(child, depth=depth + 1)
