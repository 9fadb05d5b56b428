#!/usr/bin/env bash
# What CI runs. Every group runs even when an earlier one failed; what was skipped is printed with its reason.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
group() {
  local name="$1"
  shift
  printf '\n== %s\n' "$name"
  .venv/bin/python -m pytest -q -rsfE "$@" || failed+=("$name")
}

group "engine, content and connectors" -n 2 tests/engine tests/content tests/connect
group "house rules" tests/house
group "platform" -n 2 tests/web
group "commands and processes" tests/cli
group "browser" -n 2 tests/browser
group "journeys" tests/journeys

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "$(IFS=', '; echo "${failed[*]}")"
  exit 1
fi
