#!/usr/bin/env bash
# Runs Quill's benchmark of the hot path, and prints its figures as `latency --external` reads them.
#
#   quill.sh PROGRAM     PROGRAM is built from Quill's benchmarks/hot_path_latency: see docs/rivals.md
set -euo pipefail

[[ -x ${1:-} ]] || { echo "quill.sh: ${1:-no program}: docs/rivals.md says how to build it" >&2; exit 2; }
program=$(realpath "$1")
# Its log goes to where it runs.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# The first table is of one thread.
"$program" | awk -F'|' '
    /50th/ && !seen {
        seen = 1
        getline
        print "p50", $2 + 0
        print "p90", $4 + 0
        print "p99", $6 + 0
        print "p99.9", $7 + 0
        print "max", $8 + 0
    }'
