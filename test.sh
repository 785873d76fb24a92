#!/usr/bin/env bash
# Installs what the tests need, saying so, and runs all of them: ruff, mypy, pytest, coverage.
#   ./test.sh                         everything
#   ./test.sh tests/codecs -k stream  pytest with these arguments only
#   WALLAS_TEST_WORKER_CLASS=gthread ./test.sh    everything, with gateways on stock gunicorn's worker
#   ./test.sh --golden [ARGS]         the same, and golden files are written anew: review the diff like code
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

say() { printf 'test.sh: %s\n' "$*" >&2; }

# Debian's packages of the programs that tests run for real, by the command that tells whether they are here.
declare -A programs=(
    [tesseract]="tesseract-ocr tesseract-ocr-eng tesseract-ocr-osd tesseract-ocr-spa"
    [espeak-ng]="espeak-ng"
    [ffmpeg]="ffmpeg"
    [bsdtar]="libarchive-tools"
    [antiword]="antiword"
)

need_programs() {
    local missing=() sudo=() command
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || { command -v postgres && command -v initdb; } >/dev/null ||
        missing+=(postgresql)
    for command in "${!programs[@]}"; do
        command -v "$command" >/dev/null || read -ra missing <<<"${missing[*]} ${programs[$command]}"
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    say "installing with apt-get: ${missing[*]}"
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    # Only PostgreSQL's programs: the tests start a server of their own.
    "${sudo[@]}" mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" |
        "${sudo[@]}" tee /etc/postgresql-common/createcluster.d/wallas-tests.conf >/dev/null
    "${sudo[@]}" apt-get update -q >/dev/null </dev/null
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null </dev/null
}

need_packages() {
    local stamp=.venv/.installed-requirements-dev.lock hash
    hash=$(sha256sum requirements-dev.lock | cut -d' ' -f1)
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$hash" ] && return
    say "installing requirements-dev.lock (versions and hashes are fixed)"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-input --require-hashes -r requirements-dev.lock
    echo "$hash" >"$stamp"
}

./start.sh --install-only </dev/null
need_packages
need_programs

if [ "${1:-}" = "--golden" ]; then
    export WALLAS_GOLDEN=1
    shift
fi
# Codecs and routing are covered, lines and branches, to this share; WALLAS_COVERAGE=0 leaves the gate out.
covered=95
gate=${WALLAS_COVERAGE:-1}
workers=${WALLAS_TEST_WORKERS:-2}
# Settings of whoever runs this must not reach the tests.
for name in $(compgen -e); do
    case "$name" in
        WALLAS_GOLDEN | WALLAS_TEST_WORKER_CLASS) ;;
        WALLAS_* | *_API_KEY | *_API_KEYS | *_BASE_URL | OLLAMA_* | PROXY_API_KEY | GITHUB_TOKEN | HF_TOKEN) unset "$name" ;;
    esac
done
export PATH="$PWD/.venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1

if [ $# -gt 0 ]; then
    exec pytest "$@"
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# run NAME PATHS... -- ARGS: tests of processes measure seconds; what fails beside others is run once more alone, and that is said.
run() {
    local name=$1 paths=()
    shift
    while [ "$1" != -- ]; do paths+=("$1"); shift; done
    shift
    if ! pytest "${paths[@]}" --dist loadfile "$@" >"$log" 2>&1; then
        cat "$log"
        say "$name: once more, alone, what failed (docs/operations.md)"
        pytest "${paths[@]}" --last-failed --last-failed-no-failures none >"$log" 2>&1 || failed=1
    fi
    cat "$log"
    # The runner's own closing lines last, where whoever reads only the end will look.
    closing+=("$name: $(grep -E '^(=+ )?[0-9]+ (passed|failed|skipped|error)' "$log" | tail -1)")
}
closing=()
# What runs without processes, or nearly so; the rest starts real servers and mostly waits for them.
covering=(tests/codecs tests/routing tests/quota tests/clients tests/making tests/integrations tests/content tests/blueprints tests/badinput/test_fields.py)

ruff check . || failed=1
ruff format --check -q . || failed=1
mypy || failed=1
rm -f .coverage .coverage.*
run "translation and routing" "${covering[@]}" -- -n "$workers" --cov=wallas --cov-branch --cov-report=
run "everything else" "${covering[@]/#/--ignore=}" -- -n $((workers + 1))
if [ "$gate" != 0 ]; then
    coverage report --include='wallas/codecs/*,wallas/routing/*' --fail-under="$covered" || failed=1
fi
printf '%s\n' "${closing[@]}"
[ "$failed" -eq 0 ] || say "FAILED"
exit "$failed"
