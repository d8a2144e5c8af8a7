#!/bin/sh
# Makes the virtual environment that every target of the Makefile runs in, from the lock file.
# Usage: tools/make_venv.sh FOLDER
set -eu
folder=$1

supported='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$supported" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "hushpost needs Python 3.11 or later, and found none on PATH." >&2
    echo "Install it, for instance: apt-get install python3 python3-venv, or brew install python." >&2
    exit 1
}

if ! "$folder/bin/python" -c "$supported" 2>/dev/null; then
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$python cannot make virtual environments: its venv or ensurepip module is missing." >&2
        echo "On Debian and Ubuntu: apt-get install python3-venv, then run this again." >&2
        exit 1
    fi
    rm -rf "$folder"
    "$python" -m venv "$folder"
fi

export PIP_DISABLE_PIP_VERSION_CHECK=1
echo "Installing what requirements.lock names into $folder (once) ..."
"$folder/bin/python" -m pip install --quiet --require-hashes -r requirements.lock
"$folder/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
