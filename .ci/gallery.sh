#!/usr/bin/env bash
# Makes the pictures of docs/looking.md anew, from demo events.
#
#     .ci/gallery.sh RINGLOG
#
# RINGLOG is the program. Needs chromium. The demo stream is the same each time, but not its times.
set -euo pipefail
[[ $# == 1 ]] || { echo "usage: .ci/gallery.sh RINGLOG" >&2; exit 2; }
ringlog=$(realpath "$1")
pictures=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/docs/pictures
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

"$ringlog" serve --for 20s --rate 50k --log demo 2>/dev/null >/dev/null
"$ringlog" report demo -o report.html --plot order_add.price --plot trade.quantity
for colours in light:1 dark:0; do
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1200,1500 \
        "--blink-settings=preferredColorScheme=${colours#*:}" --screenshot="$pictures/report-${colours%:*}.png" "file://$folder/report.html" 2>/dev/null
done
ls -l "$pictures"
