#!/usr/bin/env bash
# Makes requirements/*.txt again: every version with its hashes, for Python 3.11 and later, no package host named.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --no-annotate "$@"
}

compile pyproject.toml -o requirements/core.txt "${@}"
compile pyproject.toml --extra postgres --group dev -c requirements/core.txt -o requirements/dev.txt "${@}"
compile requirements/build.in -c requirements/dev.txt -o requirements/build.txt "${@}"
compile requirements/node.in -o requirements/node.txt "${@}"
compile requirements/soc-export.in -o requirements/soc-export.txt "${@}"
