"""The modules of one scan: which file an import names, and whether it shadows a package."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from caiso.engine.discover.code.expression import Import, Module

_SCRIPT_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".mts", ".cjs", "/index.ts", "/index.tsx", "/index.js")


class Project:
    """The modules of one scan, parsed when first asked for."""

    def __init__(self, paths: set[str], load: Callable[[str], Module | None]) -> None:
        self.paths = paths
        self._load = load
        self._modules: dict[str, Module | None] = {}
        self._folders = {posixpath.dirname(path) for path in paths if path.endswith((".py", ".pyi"))}

    def module(self, path: str) -> Module | None:
        if path not in self._modules:
            # Claimed before loading so that a circle of imports ends.
            self._modules[path] = None
            self._modules[path] = self._load(path)
        return self._modules[path]

    def python_file(self, importer: str, module: str, *, relative: bool) -> str:
        """The file of a module in this tree, or an empty text."""
        if relative:
            level = len(module) - len(module.lstrip("."))
            base = posixpath.dirname(importer)
            for _ in range(level - 1):
                base = posixpath.dirname(base)
            return self._python_at(base, module.lstrip("."))
        folder = posixpath.dirname(importer)
        while True:
            for base in (folder, posixpath.join(folder, "src")):
                # The inside of a package is not on Python's path: its siblings shadow nothing.
                inside = posixpath.join(base, "__init__.py") in self.paths
                found = "" if inside else self._python_at(base, module)
                if found:
                    return found
            if not folder:
                return ""
            folder = posixpath.dirname(folder)

    def _python_at(self, base: str, module: str) -> str:
        stem = posixpath.join(base, *module.split(".")) if module else base
        for candidate in (f"{stem}.py", posixpath.join(stem, "__init__.py"), f"{stem}.pyi"):
            if candidate in self.paths:
                return candidate
        return ""

    def script_file(self, importer: str, module: str) -> str:
        if module.startswith("."):
            stem = posixpath.normpath(posixpath.join(posixpath.dirname(importer), module))
            return self._script_at(stem)
        if module.startswith(("@/", "~/")):
            folder = posixpath.dirname(importer)
            while True:
                for base in (folder, posixpath.join(folder, "src")):
                    found = self._script_at(posixpath.join(base, module[2:]))
                    if found:
                        return found
                if not folder:
                    return ""
                folder = posixpath.dirname(folder)
        return ""

    def _script_at(self, stem: str) -> str:
        # TypeScript sources import their own .ts files under the .js name.
        plain = stem[:-3] if stem.endswith(".js") else stem
        for candidate in (stem, *(plain + ending for ending in _SCRIPT_ENDINGS)):
            if candidate in self.paths:
                return candidate
        return ""

    def imported(self, module: Module, made: Import) -> Module | None:
        """The module of this tree that an import names."""
        if module.language == "script":
            path = self.script_file(module.path, made.module)
            return self.module(path) if path else None
        path = self.python_file(module.path, made.module, relative=made.relative)
        if path and made.symbol and path.endswith("__init__.py"):
            deeper = self.python_file(module.path, _joined(made), relative=made.relative)
            if deeper:
                path = deeper
        elif not path and made.symbol:
            path = self.python_file(module.path, _joined(made), relative=made.relative)
        return self.module(path) if path else None

    def is_local(self, module: Module, made: Import) -> bool:
        """Whether an import names something of this tree: it then shadows a package of the same name."""
        if made.relative:
            return True
        if module.language == "script":
            return bool(self.script_file(module.path, made.module))
        path = self.python_file(module.path, made.module, relative=False)
        if not path and made.symbol:
            path = self.python_file(module.path, f"{made.module}.{made.symbol}", relative=False)
        return bool(path) and path != module.path


def _joined(made: Import) -> str:
    separator = "" if made.module.endswith(".") else "."
    return f"{made.module}{separator}{made.symbol}"
