#!/usr/bin/env bash
# Installs what is missing and serves Wallas on port 8001. Run it again whenever you like: it changes nothing then.
#   ./start.sh                 serve in the foreground
#   ./start.sh --install-only  stop before serving
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
root=$PWD

say() { printf 'start.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

good_python() { "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    local name
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.14; do
        if [ -n "$name" ] && command -v "$name" >/dev/null && good_python "$name"; then
            command -v "$name"
            return
        fi
    done
    return 1
}

install_packages() {
    command -v apt-get >/dev/null || die "please install $* and start again"
    say "installing with apt-get: $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null </dev/null 2>&1 && return
    as_root apt-get update -q >/dev/null </dev/null || die "apt-get needs root: run 'apt-get install $*' and start again"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null </dev/null ||
        die "apt-get could not install $*"
}

make_environment() {
    local python
    python=$(find_python) || { install_packages python3 python3-venv; python=$(find_python); } ||
        die "Python 3.11 or newer is needed (set PYTHON=/path/to/python if it is not in PATH)"
    "$python" -c 'import venv, ensurepip' 2>/dev/null ||
        install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || die "the virtual environment could not be made"
}

# Every lock file is installed once; its hash is the proof.
install_lock() {
    local lock=$1 stamp=.venv/.installed-$1 hash
    hash=$(sha256sum "$lock" | cut -d' ' -f1)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return
    say "installing $lock (versions and hashes are fixed)"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --require-hashes -r "$lock"
    echo "$hash" >"$stamp"
}

# The package runs from this folder: a path file instead of a build, and two commands.
link_package() {
    local site
    site=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    [ -f "$site/wallas.pth" ] && [ "$(cat "$site/wallas.pth")" = "$root" ] && [ -x .venv/bin/wallasapi ] && return
    printf '%s\n' "$root" >"$site/wallas.pth"
    local name
    for name in wallas wallasapi; do
        printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m wallas "$@"\n' "$root" >".venv/bin/$name"
        chmod 755 ".venv/bin/$name"
    done
}

uses_postgres() {
    case "${WALLAS_DATABASE_URL:-}" in postgres*) return 0 ;; esac
    cat instance/.env .env 2>/dev/null | grep -Eq '^(export +)?WALLAS_DATABASE_URL=.?postgres'
}

{ [ -x .venv/bin/python ] && good_python .venv/bin/python; } || make_environment
install_lock requirements.lock
link_package
[ -d instance ] || mkdir -m 700 instance
[ -f instance/.env ] || (umask 077 && cat .env.example >instance/.env)
if uses_postgres; then install_lock requirements-postgres.lock; fi
[ "${1:-}" = "--install-only" ] && exit 0
# gunicorn.conf.py checks the settings and brings the database up to date before it listens.
exec .venv/bin/python -m gunicorn -c "$root/gunicorn.conf.py" wsgi:app
