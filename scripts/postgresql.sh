#!/usr/bin/env bash
# Runs a command with CAISO_TEST_DATABASE_URL naming a PostgreSQL server of its own, which is gone afterwards:
#   scripts/postgresql.sh .venv/bin/python -m pytest -n 2 tests/web
# Exits with 77 where no server program is installed (Debian: apt-get install postgresql).
set -euo pipefail

find_server() {
  local folder
  command -v pg_ctl >/dev/null && dirname "$(command -v pg_ctl)" && return
  for folder in $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -rV); do
    [ -x "$folder/pg_ctl" ] && printf '%s\n' "$folder" && return
  done
  return 1
}

bin="$(find_server)" || { echo "postgresql: no server program here (Debian: apt-get install postgresql)" >&2; exit 77; }
home="$(mktemp -d "${TMPDIR:-/tmp}/caiso-postgresql-XXXXXX")"
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
password="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
as_server=()
if [ "$(id -u)" = 0 ]; then  # the server refuses to run as root
  owner="$(id -un postgres 2>/dev/null || echo nobody)"
  chown "$owner" "$home"
  as_server=(setpriv --reuid "$owner" --regid "$(id -gn "$owner")" --clear-groups env HOME="$home")
fi
chmod 755 "$home"

stop() {
  "${as_server[@]}" "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap stop EXIT

printf '%s\n' "$password" > "$home/password"
[ ${#as_server[@]} -eq 0 ] || chown "$owner" "$home/password"
"${as_server[@]}" "$bin/initdb" -D "$home/data" -U caiso --pwfile="$home/password" --auth=scram-sha-256 -E UTF8 \
  --locale=C.UTF-8 --no-sync >/dev/null
# What a test loses with the machine it can make again: no waiting for the disk.
"${as_server[@]}" "$bin/pg_ctl" -D "$home/data" -l "$home/log" -w start -o \
  "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$home -c fsync=off -c max_connections=200" >/dev/null \
  || { cat "$home/log" >&2; exit 1; }
export CAISO_TEST_DATABASE_URL="postgresql://caiso:$password@127.0.0.1:$port/postgres"
"$@"
