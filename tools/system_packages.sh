#!/bin/sh
# Installs what tools/system_packages.txt names, where that can be done without asking anyone.
# Usage: tools/system_packages.sh [PROGRAM...]: with programs, only the packages of that name, and
# only those that PATH does not lead to; whoever needs them says what is missing.
set -eu
cd "$(dirname "$0")/.."
wanted=
for program in "$@"; do
    command -v "$program" >/dev/null || wanted="$wanted $program"
done
[ $# -gt 0 ] || wanted=$(grep -v '^#' tools/system_packages.txt)
missing=
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    [ $# -gt 0 ] || echo "Not installed, so some tests will be skipped:$missing" >&2
    exit 0
fi
echo "Installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # the list is words
apt-get install -qq -y --no-install-recommends $missing >/dev/null 2>&1 || {
    apt-get update -qq >/dev/null && apt-get install -qq -y --no-install-recommends $missing >/dev/null
}
