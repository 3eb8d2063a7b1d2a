#!/bin/sh
# Makes .venv and installs what is pinned and hashed there. A second run with nothing changed costs a few milliseconds.
# usage: setup.sh runtime | dev        PYTHON=/path/to/python picks the Python; NO_CHROMIUM=1 leaves the browser alone.
set -eu
kind=${1:-runtime}
cd "$(dirname "$0")/../.."
venv=.venv
log=.local/log/setup.log

fail() {
    printf '\n%s\n' "$1" >&2
    exit 1
}

good_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 && good_python "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or newer was found (up to 3.14). Install one (Debian: apt install python3 python3-venv) or say
which: make PYTHON=/path/to/python3.11 …"
}

make_venv() {
    if [ -x "$venv/bin/python" ] && good_python "$venv/bin/python"; then return; fi
    python=$(find_python)
    printf 'Making %s with %s\n' "$venv" "$python"
    rm -rf "$venv"
    "$python" -m venv "$venv" >>"$log" 2>&1 || fail "$python cannot make a virtual environment. Debian: apt install python3-venv.
It said: $(tail -n 3 "$log")"
}

explain() {
    case $(tail -n 40 "$log") in
        *"gcc"*"No such file"* | *"command 'gcc' failed"* | *"command 'cc' failed"* | *"Python.h"*)
            echo "A package has no ready-made build for this machine and there is no compiler. Debian: apt install gcc python3-dev." ;;
        *"Could not find a version"* | *"No matching distribution"* | *"Temporary failure in name resolution"* | *"ConnectionError"*)
            echo "The package index was not reached, or it lacks a package. Check the network, or set PIP_INDEX_URL." ;;
        *"THESE PACKAGES DO NOT MATCH THE HASHES"*)
            echo "A downloaded package is not the one that was pinned. Do not install it by hand; look at where it came from." ;;
        *"No space left"*)
            echo "The disk is full: the environment needs about 600 MB." ;;
        *) echo "pip could not install the packages." ;;
    esac
}

install() { # file...
    stamp="$venv/.installed-$kind"
    want=$(cat "$@" | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then return; fi
    printf 'Installing packages (%s), about a minute the first time\n' "$kind"
    files=""
    for file in "$@"; do files="$files -r $file"; done
    # shellcheck disable=SC2086
    "$venv/bin/python" -m pip install --disable-pip-version-check --require-hashes $files >>"$log" 2>&1 ||
        fail "$(explain)
The end of $log:
$(tail -n 6 "$log")"
    printf '%s' "$want" >"$stamp"
}

find_chromium() {
    [ -z "${NO_CHROMIUM:-}" ] || return 0
    if command -v chromedriver >/dev/null 2>&1 || [ -n "${CHROMEDRIVER_PATH:-}" ]; then return 0; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        printf 'Installing Chromium, for browser tasks\n'
        if (apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
            chromium chromium-driver chromium-headless-shell) >>"$log" 2>&1; then return 0; fi
    fi
    printf '%s\n' "Chromium and chromedriver were not found: browser tasks will fail until they are installed
(Debian: sudo apt install chromium chromium-driver) or CHROMIUM_PATH and CHROMEDRIVER_PATH are set. All else works." >&2
}

mkdir -p "$(dirname "$log")" 2>/dev/null && [ -w "$(dirname "$log")" ] ||
    fail "$(pwd)/.local cannot be written by $(id -un): it belongs to $(stat -c %U .local 2>/dev/null || echo somebody else). Run this as
that user, or make a clone of your own."
if command -v flock >/dev/null 2>&1; then # two runs at once take turns
    exec 9>.local/setup.lock
    flock 9
fi
make_venv
case $kind in
    runtime) install requirements.txt ;;
    dev) install requirements.txt requirements-dev.txt ;;
    *) fail "usage: setup.sh runtime|dev" ;;
esac
find_chromium
