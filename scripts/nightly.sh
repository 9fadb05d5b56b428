#!/usr/bin/env bash
# What takes too long for every change: slow tests, PostgreSQL, full benchmarks, known faults in dependencies.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
step() {
  local name="$1"
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
}

on_postgresql() {
  local code=0
  scripts/postgresql.sh .venv/bin/python -m pytest -q -rsfE "$@" || code=$?
  [ "$code" = 77 ] && return 0  # said so itself: no server program is installed
  return "$code"
}

step "slow tests" .venv/bin/python -m pytest -q -rsfE -m slow --timeout 3600 tests
step "platform on PostgreSQL" on_postgresql -n 2 tests/web
step "commands and journeys on PostgreSQL" on_postgresql tests/cli tests/journeys
step "benchmarks" .venv/bin/python -m bench
step "known faults in dependencies" .venv/bin/pip-audit --require-hashes --disable-pip -r requirements/core.txt

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
