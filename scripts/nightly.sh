#!/usr/bin/env bash
# What takes too long for every change: slow tests, PostgreSQL, full benchmarks, known faults in dependencies.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
lasted=()
step() {
  local name="$1" begun=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" || failed+=("$name")
  lasted+=("$(printf '%5d min  %s' $(((SECONDS - begun + 30) / 60)) "$name")")
}

on_postgresql() {
  local code=0
  scripts/postgresql.sh .venv/bin/python -m pytest -q -rsfE "$@" || code=$?
  [ "$code" = 77 ] && return 0  # said so itself: no server program is installed
  return "$code"
}

known_faults() {
  local told code=0 unknown asked
  told="$(.venv/bin/pip-audit --require-hashes --disable-pip -r requirements/core.txt 2>&1)" || code=$?
  unknown="$(grep -c 'could not be audited' <<<"$told")"
  asked="$(grep -cE '^[a-z0-9]\S*==' requirements/core.txt)"
  # An index that knows no advisories is no clean bill: say how many were not looked up.
  if [ "$unknown" -gt 0 ]; then
    echo "$unknown of $asked dependencies could not be looked up: no advisory service knows them from here"
    grep -v 'could not be audited' <<<"$told"
  else
    echo "$told"
  fi
  return "$code"
}

step "slow tests" .venv/bin/python -m pytest -q -rsfE -n 2 -m slow --timeout 3600 --durations 20 tests
step "platform on PostgreSQL" on_postgresql -n 2 tests/web
step "commands and journeys on PostgreSQL" on_postgresql tests/cli tests/journeys
step "benchmarks" .venv/bin/python -m bench
step "known faults in dependencies" known_faults

printf '\n'
printf '%s\n' "${lasted[@]}"
if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
