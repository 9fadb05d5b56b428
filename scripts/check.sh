#!/usr/bin/env bash
# Every check that needs no test run; all of them run, then the failed ones are named.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"

failed=()
check() {
  local name="$1"
  shift
  local output
  if output="$("$@" 2>&1)"; then
    printf 'ok      %s\n' "$name"
  else
    printf 'FAILED  %s\n%s\n' "$name" "$output"
    failed+=("$name")
  fi
}

check "format" ruff format --check .
check "lint" ruff check .
check "types" mypy
check "import contracts" lint-imports --cache-dir .import_linter_cache
check "templates" djlint --lint --quiet src/caiso/web/templates
check "spelling" typos
check "pack schemas" python -m scripts.pack_schemas
check "packs" caiso check-packs

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
