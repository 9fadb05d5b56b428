"""Loads frameworks and controls together, so that links between them are verified."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from caiso.engine.checks import STANDARD_COLLECTIONS, CollectionSpec
from caiso.engine.comply.controls import CONTROL_FOLDER, Control, control_kind
from caiso.engine.comply.frameworks import FRAMEWORK_FOLDER, FRAMEWORKS, Framework
from caiso.engine.packs import Pack, PackError, PackProblem, load_folder


@dataclass(frozen=True, slots=True)
class Library:
    """What is known of requirements and controls; `problems` lists what could not be used."""

    frameworks: tuple[Pack[Framework], ...]
    controls: tuple[Pack[Control], ...]
    problems: tuple[PackProblem, ...]

    def framework(self, name: str) -> Framework | None:
        """By `id@version`, or by id when only one version is loaded."""
        found = [pack.value for pack in self.frameworks if name in (pack.value.id, pack.value.key)]
        return found[0] if len(found) == 1 else None

    def trusted(self) -> "Library":
        """Itself, or PackError naming every problem: for callers that must not work with half a library."""
        if self.problems:
            raise PackError(self.problems)
        return self


def load_library(*folders: Path, collections: Mapping[str, CollectionSpec] = STANDARD_COLLECTIONS) -> Library:
    """The shipped library, then the users' content folders (each with `frameworks/` and `controls/` inside)."""
    framework_folders = [FRAMEWORK_FOLDER, *_existing(folders, "frameworks")]
    control_folders = [CONTROL_FOLDER, *_existing(folders, "controls")]
    frameworks, framework_problems = load_folder(FRAMEWORKS, *framework_folders)
    kind = control_kind((pack.value for pack in frameworks), collections)
    controls, control_problems = load_folder(kind, *control_folders)
    return Library(frameworks, controls, (*framework_problems, *control_problems))


def _existing(folders: tuple[Path, ...], name: str) -> list[Path]:
    return [folder / name for folder in folders if (folder / name).is_dir()]
