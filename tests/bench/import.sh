#!/bin/bash
# Import against Python's csv module, run by turns so that both meet the same noise.
#   ./build.sh bench import [ROUNDS]
# Python only cuts the text into strings and drops them; ours decodes, finds types, checks, and
# writes the table file. Both figures are MB of the file a second: of one core's time (CPU), and by
# the clock with all threads. Goals: 150 MB/s a core; 5 x Python by the clock.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-5}
data=${COURTYARD_DATA:-../shared/data}
ours=build/x86_64/bench/intake
work=$(mktemp -d "${COURTYARD_BENCH_DIR:-/dev/shm}/bench_intake.XXXXXX")
trap 'rm -rf "$work"' EXIT
export COURTYARD_BENCH_DIR=$work
[ -d "$data" ] || { echo "skipped: no data in $data (set COURTYARD_DATA)"; exit 0; }
make VARIANT=x86_64 "$ours" >/dev/null

cat >"$work/reader.py" <<'PYTHON'
import csv, os, sys, time
start, wall = time.process_time(), time.monotonic()
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.reader(file, delimiter=sys.argv[2]):
        pass
mb = os.path.getsize(sys.argv[1]) / 1e6
print(mb / (time.process_time() - start), mb / (time.monotonic() - wall))
PYTHON

# A real file, its rows repeated to some 100 MB.
grow() { # FILE
    local lines body times
    body=$(($(stat -c %s "$data/$1") + 1))
    times=$((100000000 / body + 1))
    head -n 1 "$data/$1" >"$work/file.csv"
    tail -n +2 "$data/$1" >"$work/body"
    for ((lines = 0; lines < times; lines++)); do cat "$work/body"; done >>"$work/file.csv"
}

# awk takes a bare > for a file to write to.
best() { awk -v was="$1" -v now="$2" 'BEGIN { print (now > was ? now : was) }'; }

printf '%-40s %9s %9s %6s %9s %9s %6s\n' file ours/core py/core ratio ours py ratio
while read -r name delimiter; do
    [ -f "$data/$name" ] || { echo "skipped: no $name"; continue; }
    grow "$name"
    core=0 wall=0 py_core=0 py_wall=0
    for ((round = 0; round < rounds; round++)); do
        read -r a b < <(python3 "$work/reader.py" "$work/file.csv" "$delimiter")
        py_core=$(best $py_core "$a") py_wall=$(best $py_wall "$b")
        core=$(best $core "$($ours "$work/file.csv" 1 1 | sed 's/.*core \([0-9]*\).*/\1/')")
        wall=$(best $wall "$($ours "$work/file.csv" 1 0 | sed 's/.*MB\/s \([0-9]*\) .*/\1/')")
    done
    awk -v n="$name" -v c="$core" -v pc="$py_core" -v w="$wall" -v pw="$py_wall" 'BEGIN {
        printf "%-40s %9.0f %9.1f %6.2f %9.0f %9.1f %6.2f\n", n, c, pc, c / pc, w, pw, w / pw }'
done <<'FILES'
privacy/adult_arx.csv ;
urban/beijing_air_changping.csv ,
medical/breast_cancer_wdbc.csv ,
text/hotel_reviews.csv ,
FILES
