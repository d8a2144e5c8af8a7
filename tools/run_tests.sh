#!/bin/sh
# Runs every test once: first those that cover a module by their own file, then the others. All three
# runs are made even if one fails; the last line says which. With RECORD or CI=true in the
# environment the first note which lines each test ran, which takes nearly twice the processor time.
# Usage: tools/run_tests.sh FOLDER-OF-THE-TOOLS
set -u
bin=$1
# Runs of the whole, of tools and of mutants say nothing about a module's own test file.
own="tests/crypto tests/wire tests/store tests/server tests/client_lib tests/demo"
mutants=$(find tests -name '*_mutants.py')
rest=$mutants
for place in tests/*/ tests/test_*.py; do
    case " $own " in
        *" ${place%/} "*) ;;
        *) case $place in *__pycache__*) ;; *) rest="$rest ${place%/}" ;; esac ;;
    esac
done
# The files that hold a test which needs the processor to itself; collecting all for it takes longer.
alone() {
    grep -rlE '^ *(pytestmark *= *|@)pytest\.mark\.serial' --include='*.py' "$@" | sort
}
cover=
if [ -n "${RECORD:-}" ] || [ "${CI:-}" = true ]; then
    cover="--cov --cov-context=test --cov-append --cov-report="
fi
# The tests wait for processes and clocks more than they compute: twice as many as there are cores.
workers=4
failed=

run() {
    what=$1
    shift
    echo "-- $what"
    "$bin/pytest" -q "$@"
    status=$?
    [ $status -eq 0 ] || failed="$failed $what;"
}

"$bin/coverage" erase
# shellcheck disable=SC2086,SC2046  # the lists are words
{
    run "modules" $cover -n $workers -m "not serial" --ignore-glob='*_mutants.py' $own
    run "alone" -m serial $(alone tests)
    run "the whole" -n $workers -m "not serial" $rest
}
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
