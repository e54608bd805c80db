#!/bin/bash
# The one entry: builds, runs and tests Courtyard on a Debian machine. See usage below.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C.UTF-8
export COURTYARD_JOBS=${COURTYARD_JOBS:-$(nproc)}

usage() {
    cat <<'TEXT'
usage: ./build.sh COMMAND

  run [FILE.csv]        build, bring the box up with a real medical data set (or with FILE), show
                        the whole way of the data on the command line and go on serving; Ctrl-C ends
  build [ARCH]          build/courtyard, one static binary (x86_64, the default),
                        or build/courtyard-aarch64 (aarch64, for Kunpeng and Phytium)
  image [ARCH]          the appliance: build/image/ARCH/courtyard-VERSION-ARCH.img, a disk image that
                        boots into the box (x86_64, the default, or aarch64, by UEFI); write it to
                        a stick with dd. Beside it the signed update to that version
                        (COURTYARD_UPDATE_KEY=KEY.pem signs it)
  test [fast|full]      fast: unit tests (musl, sanitizers), style; some six minutes
                        full: also aarch64 under emulation, the API, the pages in Chromium, thread
                        races, the fuzz corpus, the store killed, the kernel's limits in a guest
                        (QEMU); some twenty minutes
  test image            all of the appliance's tests in an emulated machine: every way to attach its
                        disk, trials, power cuts, ten interrupted updates, a full disk, fifty damaged
                        disks; an hour and more
  test slurm            the box on a real Slurm of Debian's, in a folder and namespaces of its own;
                        as root, some 720 MB the first time; skips with a sentence elsewhere
  test accelerator      jobs on this machine's accelerators; as root, skips where there is none
  soak [SECONDS] [PATTERN]
                        unit tests with random input (those whose name matches PATTERN), each with
                        new seeds, for 600 seconds unless told otherwise: says what failed with
                        which seed and how to repeat it
  format                sets the white space of all C files as the tests want it
  bench [NAME] [PART]   one measurement of tests/bench; without NAME says which there are
  fuzz NAME [SECONDS]   the fuzz harness tests/fuzz/NAME.c, for 60 seconds unless told otherwise
  clean [all]           removes build/; all: also downloads, page libraries and compiled libraries

What is missing is installed by apt. Without a network, put the archives that vendor/LOCK names
into vendor/cache/ and install the packages beforehand. Compiled libraries are kept for all
checkouts in $COURTYARD_BUILD_CACHE (~/.cache/courtyard); VERBOSE=1 shows every command.
TEXT
}

die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

# --- what the machine must have -------------------------------------------------------------------
missing=()

# need PACKAGE PROBE: notes PACKAGE unless PROBE, a command or a file, is there.
need() {
    case $2 in
    /*) [ -e "$2" ] || missing+=("$1") ;;
    *) command -v "$2" >/dev/null || missing+=("$1") ;;
    esac
}

install_missing() {
    [ ${#missing[@]} -gt 0 ] || return 0
    local sudo=() apt=(apt-get -q -o DPkg::Lock::Timeout=300)
    echo "build.sh: installing ${missing[*]}" >&2
    command -v apt-get >/dev/null ||
        die "this is no Debian; install what gives these packages' commands: ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null ||
            die "not root and no sudo here. As root: apt-get install ${missing[*]}"
        sudo=(sudo)
    fi
    export DEBIAN_FRONTEND=noninteractive
    "${sudo[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
        { "${sudo[@]}" "${apt[@]}" update >/dev/null &&
            "${sudo[@]}" "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null; } ||
        die "apt could not install them. By hand: apt-get install ${missing[*]}"
    missing=()
}

need_for_build() {
    need gcc gcc
    need make make
    need libc6-dev /usr/include/stdio.h
    need xz-utils xz
    need bzip2 bzip2
    need patch patch
    need util-linux flock
    if [ -f web/package.json ]; then
        need nodejs node
        need npm npm
    fi
    if [ "${1-}" = aarch64 ]; then
        need gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
        need libc6-dev-arm64-cross /usr/aarch64-linux-gnu/include/stdio.h
    fi
    install_missing
    [ ! -f web/package.json ] || [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] ||
        die "the pages need node 18 or later; this is $(node --version)"
}

# clang keeps its fuzzer in a package named after its version.
need_for_fuzz() {
    need clang clang
    install_missing
    echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d && n < 0; }' |
        clang -x c -fsanitize=fuzzer,address - -o /dev/null 2>/dev/null && return 0
    missing+=("libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev")
    install_missing
}

# --- build ----------------------------------------------------------------------------------------
compile() { # VARIANT TARGET...
    local variant=$1
    shift
    make --no-print-directory -j"$COURTYARD_JOBS" VARIANT="$variant" "$@"
}

build() {
    local arch=${1:-x86_64} started=$EPOCHREALTIME out=build/courtyard
    case $arch in
    x86_64) ;;
    aarch64) out=build/courtyard-aarch64 ;;
    *) usage >&2; exit 2 ;;
    esac
    need_for_build "$arch"
    compile "$arch" binary
    [ ! -f $out ] || printf '%s: %d KiB, %s s\n' $out $(($(stat -c %s $out) / 1024)) \
        "$(since "$started")"
}

since() { # EPOCHREALTIME
    awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

# --- image ----------------------------------------------------------------------------------------
need_for_image() {
    need mtools mformat
    need libdevmapper1.02.1 /lib/x86_64-linux-gnu/libdevmapper.so.1.02.1 # of grub-mkimage
    need fdisk /sbin/sfdisk
    need kmod /sbin/depmod
    need cpio cpio
    need zstd zstd
    install_missing
}

image() {
    local host
    host=$(uname -m)
    build "${1:-x86_64}"
    [ "${1:-x86_64}" = "$host" ] || build "$host" # it signs the update
    need_for_image
    images/build "${1:-x86_64}"
}

# --- run ------------------------------------------------------------------------------------------
# A real data set by the name of the package it comes in; nothing is installed. The file has one line
# of counts and class names on top and no column names: they are the ten measures of the data set's
# description (Wolberg, Street, Mangasarian 1995), each as mean, standard error and worst value.
demo_data() {
    local to=build/demo package=python3-sklearn file=build/demo/breast_cancer.csv
    local raw=build/demo/demonstrations/breast_cancer.csv # as the package has it: for the pilot
    local inside=./usr/lib/python3/dist-packages/sklearn/datasets/data/breast_cancer.csv
    if [ ! -f $file ] || [ ! -f $raw ]; then
        echo "build.sh: fetching the breast cancer data set ($package, Debian)" >&2
        mkdir -p $to/demonstrations
        (cd $to && { apt-get download -q $package || { apt-get update -q &&
            apt-get download -q $package; }; }) >$to/log 2>&1 ||
            die "apt could not download $package ($to/log). Or give a file: ./build.sh run FILE.csv"
        dpkg-deb --fsys-tarfile $to/$package*.deb | tar -xO $inside >$to/raw ||
            die "$package has no breast_cancer.csv any more; give a file: ./build.sh run FILE.csv"
        awk -F, -v OFS=, 'NR == 1 {
            class[0] = $3; class[1] = $4
            split("mean error worst", kinds, " ")
            count = split("radius texture perimeter area smoothness compactness concavity " \
                "concave_points symmetry fractal_dimension", measures, " ")
            for (k = 1; k <= 3; k++)
                for (m = 1; m <= count; m++) printf "%s_%s,", kinds[k], measures[m]
            print "diagnosis"
            next
        }
        { $NF = class[$NF + 0]; print }' $to/raw >$file.new
        mv $file.new $file
        mv $to/raw $raw
        rm -f $to/$package*.deb
    fi
    echo $file
}

run_demo() { # FILE
    exec build/courtyard demo --data build/run --listen 127.0.0.1:8443 "$1"
}

run() {
    local file
    [ $# -eq 0 ] || [ -f "$1" ] || die "there is no file $1"
    build x86_64
    file=${1:-$(demo_data)}
    [ $# -gt 0 ] || { mkdir -p build/run && cp -r build/demo/demonstrations build/run/; }
    run_demo "$file"
}

# --- tests ----------------------------------------------------------------------------------------
passed=0 failed=0 skipped=0
logs=build/log
ROOM_GIB=5 # what build/ grows to

# stage NAME FUNCTION ARGUMENTS...: prints the name, what failed, and the time taken.
stage() {
    local name=$1 started=$EPOCHREALTIME p=$passed f=$failed s=$skipped
    shift
    echo "== $name"
    "$@"
    printf '   %d passed, %d failed' $((passed - p)) $((failed - f))
    [ $skipped = $s ] || printf ', %d skipped' $((skipped - s))
    printf ' (%s s)\n' "$(since "$started")"
}

fail() { # MESSAGE...
    echo "   FAILED $*"
    failed=$((failed + 1))
}

# Adds up a `N passed, N failed[, N skipped]` line. A program that ends badly or says nothing counts
# as one failure, whatever it printed before.
count() { # STATUS LOG NAME
    local line p f s
    line=$(grep -aE '^[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?$' "$2" | tail -1 || true)
    read -r p f s <<<"$(awk '{ print $1, $3, ($5 == "" ? 0 : $5) }' <<<"${line:-0 passed, 0 failed}")"
    if [ -z "$line" ] || { [ "$1" != 0 ] && [ "$f" = 0 ]; }; then f=$((f + 1)); fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ "$f" = 0 ] && return 0
    echo "   FAILED $3 (exit status $1), what failed, then the end of $2:"
    complaints "$2"
    echo '      ...'
    tail -20 "$2" | sed 's/^/      /'
}

# The lines of a log that say what failed: a program's log can go on for long after them.
complaints() { # LOG
    grep -aE 'COURTYARD_SEED=|^ *(got|want) [0-9]+ bytes|assertion failed|runtime error:|Sanitizer:' \
        "$1" | head -20 | cut -c 1-400 | sed 's/^/      /' || true
}

# run_one LOG SECONDS COMMAND...: runs it in a process of its own and keeps output and status.
run_one() {
    local log=$1 seconds=$2 status=0
    shift 2
    timeout -k 5 "$seconds" "$@" >"$log" 2>&1 </dev/null || status=$?
    [ $status != 124 ] || echo "stopped after $seconds s" >>"$log"
    echo $status >"$log.status"
}
export -f run_one

# run_programs LABEL SECONDS PREFIX PROGRAM...: as many at a time as there are processors.
run_programs() {
    local label=$1 seconds=$2 prefix=$3 program log
    shift 3
    rm -rf "${logs:?}/$label"
    mkdir -p "$logs/$label"
    for program in "$@"; do
        printf '%s\0%s\0' "$logs/$label/$(tr / - <<<"$program").log" "$program"
    done | xargs -0 -n 2 -P "$COURTYARD_JOBS" \
        bash -c 'run_one "$3" "$1" $2 "$4" $5' _ "$seconds" "$prefix" 2>/dev/null || true
    for program in "$@"; do
        log=$logs/$label/$(tr / - <<<"$program").log
        count "$(cat "$log.status" 2>/dev/null || echo 1)" "$log" "$program"
    done
}

sources() { # FOLDER: its C files without .c, relative to tests/
    [ ! -d "tests/$1" ] || (cd tests && find "$1" -name '*.c' | sed 's/\.c$//' | sort)
}

compiled() { # VARIANT TARGET: a failed compilation is one failure; the rest is compiled all the same
    local log=$logs/$1-$2.log
    if ! compile "$1" -k "$2" >"$log" 2>&1; then
        fail "to compile $2 for $1:"
        grep -E 'error|Error|warning|undefined' "$log" | head -20 | sed 's/^/      /'
        return 1
    fi
}

unit() { # VARIANT SECONDS PREFIX [PATTERN]
    local names=() name
    case $3 in *qemu*) local -x COURTYARD_EMULATOR=$3 ;; esac
    compiled "$1" tests || true
    for name in $(sources unit | grep -E "${4:-.}"); do
        [ ! -x "build/$1/$name" ] || names+=("build/$1/$name")
    done
    [ ${#names[@]} = 0 ] || run_programs "unit-$1" "$2" "$3" "${names[@]}"
}

# What must not be in any file: this folder, and the package mirrors of this machine.
style() {
    compiled x86_64 tools || return 0
    COURTYARD_UNWANTED="$PWD $(vendor/fetch --mirrors | sed -n 's|^[a-z+]*://\([^/]*\).*|\1|p' |
        sort -u | tr '\n' ' ')"
    export COURTYARD_UNWANTED
    run_programs tidy 60 '' build/tidy
    if compiled x86_64 headers; then passed=$((passed + 1)); fi
}

layout() {
    local files wrong line status=0
    mapfile -t files < <(find app tests -name '*.[ch]' -not -name '*_table.c' | sort)
    printf '%s\0' "${files[@]}" | xargs -0 -n 32 -P "$COURTYARD_JOBS" \
        clang-format --dry-run -Werror >"$logs/format.log" 2>&1 || status=$?
    mapfile -t wrong < <(grep -aE '^[^: ]+\.[ch]:[0-9]+:[0-9]+: error:' "$logs/format.log" |
        sort -t: -k 1,1 -u)
    for line in "${wrong[@]}"; do fail "$line (clang-format -i mends it)"; done
    passed=$((passed + ${#files[@]} - ${#wrong[@]}))
    [ $status = 0 ] || [ ${#wrong[@]} -gt 0 ] || fail "clang-format ended with $status"
}

format() {
    need clang-format clang-format
    install_missing
    find app tests -name '*.[ch]' -not -name '*_table.c' -exec clang-format -i {} +
}

binary() { # VARIANT FILE: it links, and needs no file of the machine it runs on
    compiled "$1" binary || return 0
    if [ ! -x "$2" ]; then
        fail "to make $2"
    elif readelf -lW "$2" | grep -qE 'INTERP'; then
        fail "$2 needs a loader: it is not static"
    elif readelf -dW "$2" | grep -q NEEDED; then
        fail "$2 needs shared libraries"
    else
        passed=$((passed + 1))
    fi
}

simulations() {
    local names scripts
    compiled x86_64 sim || return 0
    mapfile -t names < <(sources sim | sed 's|^|build/x86_64/|')
    [ ${#names[@]} = 0 ] || run_programs sim 600 '' "${names[@]}"
    mapfile -t scripts < <(find tests/sim -maxdepth 1 -type f -perm -u+x | sort)
    [ ${#scripts[@]} = 0 ] || run_programs sim-scripts 600 '' "${scripts[@]}"
}

# Programs that are PID 1 of a guest, each started by the script of its name.
guests() {
    local scripts
    compiled x86_64 boot || return 0
    mapfile -t scripts < <(find tests/boot -maxdepth 1 -type f -perm -u+x | sort)
    [ ${#scripts[@]} = 0 ] || COURTYARD_JOBS=1 run_programs boot 300 '' "${scripts[@]}"
    grep -ahE '^skipped' $logs/boot/*.log | sed 's/^/   /' || true
}

replay() {
    local name names=() log
    compiled asan replay || return 0
    mkdir -p $logs/replay
    for name in $(sources fuzz); do
        name=${name#fuzz/}
        log=$logs/replay/$name.log
        run_one "$log" 300 "build/asan/replay/$name" "tests/fuzz/corpus/$name" 2>/dev/null
        count "$(cat "$log.status")" "$log" "replay $name"
    done
}

# The packages that a folder's scripts need, pinned by its lock file; once for each lock file.
node_modules() { # FOLDER
    [ -f "$1/package-lock.json" ] || return 0
    [ "$1/node_modules/.whole" -nt "$1/package-lock.json" ] && return 0
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error) && touch "$1/node_modules/.whole"
}

node_tests() { # FOLDER CONCURRENCY
    local files status=0 report=$logs/${1//\//-}.tap log=$logs/${1//\//-}.log
    export COURTYARD=$PWD/build/courtyard
    node_modules "tests/$1" || { fail "npm ci in tests/$1"; return 0; }
    mapfile -t files < <(find "tests/$1" -name node_modules -prune -o -name '*.test.mjs' -print | sort)
    [ ${#files[@]} -gt 0 ] || return 0
    timeout -k 10 1800 node --test --test-concurrency="$2" \
        --test-reporter=tap --test-reporter-destination="$report" "${files[@]}" \
        >"$log" 2>&1 </dev/null || status=$?
    # node closes with "# pass 12", "# fail 0", "# cancelled 0", "# skipped 1", "# todo 0".
    awk '$1 == "#" { n[$2] = $3 } END {
        print n["pass"] + 0 " passed, " n["fail"] + n["cancelled"] + 0 " failed, " \
            n["skipped"] + n["todo"] + 0 " skipped" }' "$report" >>"$log" 2>/dev/null || true
    # What failed, each with its error: in TAP all that is further in than the key "error:".
    awk '{ match($0, /^ */) }
        /^ *not ok/ { print substr($0, RLENGTH + 1) }
        said && NF > 0 && RLENGTH <= margin { said = 0 }
        /^ *error:/ { said = 1; margin = RLENGTH }
        said' "$report" 2>/dev/null | cut -c 1-400 | sed 's/^/   /' | head -80 || true
    count $status "$log" "tests/$1 (all of it: $report)"
}

# The appliance's image, made and started in an emulated machine; the short part of its tests.
image_tests() {
    local arch architectures=(x86_64)
    [ "${COURTYARD_BOOT_ALL-}" != 1 ] || architectures+=(aarch64)
    need_for_image
    for arch in "${architectures[@]}"; do
        if ! images/build fetch $arch >"$logs/image-fetch.log" 2>&1; then
            echo "   skipped: what the image is made of cannot be had ($logs/image-fetch.log)"
            skipped=$((skipped + 1))
            return
        fi
        if ! images/build $arch >"$logs/image.log" 2>&1; then
            fail "to make the image for $arch, the end of $logs/image.log:"
            tail -20 "$logs/image.log" | sed 's/^/      /'
            return
        fi
    done
    node_tests boot/image 1
}

test_fast() {
    [ ! -d tests/unit ] || stage 'unit tests, musl' unit x86_64 120 ''
    [ ! -d tests/unit ] || stage 'unit tests, address and undefined behaviour' unit asan 300 ''
    stage 'the binary links' binary x86_64 build/courtyard
    [ ! -f tests/tidy.c ] || stage 'style' style
    [ ! -f .clang-format ] || stage 'white space' layout
}

test_full() {
    [ ! -d tests/unit ] || stage 'unit tests, thread races' unit tsan 300 "setarch -R" \
        '^unit/(base/thread|store|server|flow|allocation)'
    stage 'the binary links for aarch64' binary aarch64 build/courtyard-aarch64
    [ ! -d tests/unit ] || stage 'unit tests, aarch64 emulated' unit aarch64 600 qemu-aarch64
    [ ! -d tests/fuzz ] || stage 'fuzz corpus' replay
    [ ! -d tests/sim ] || stage 'simulation and kills' simulations
    [ ! -d tests/boot ] || stage "the kernel's limits, in a guest" guests
    [ ! -d tests/boot/image ] || stage "the appliance in an emulated machine" image_tests
    [ ! -d tests/api ] || stage 'API over HTTPS' node_tests api 2
    [ ! -d tests/web ] || stage 'pages in Chromium' node_tests web 1
}

# On a full disk anything may fail, and say so in its own words or in none.
room_told() {
    local free
    free=$(df --output=avail -k . | tail -1)
    [ "$free" -ge $((ROOM_GIB << 20)) ] ||
        echo "build.sh: $((free >> 10)) MiB free here; the tests take up to $ROOM_GIB GiB" >&2
}

run_tests() {
    local tier=${1:-fast} started=$EPOCHREALTIME
    if [ "$tier" = slurm ]; then
        need debootstrap debootstrap
        need nodejs node
        install_missing
        build x86_64
        exec tests/sim/slurm/test
    fi
    if [ "$tier" = image ]; then
        need qemu-system-x86 qemu-system-x86_64
        need ovmf /usr/share/OVMF/OVMF_CODE_4M.fd
        need qemu-system-arm qemu-system-aarch64
        need qemu-efi-aarch64 /usr/share/AAVMF/AAVMF_CODE.fd
        need nodejs node
        install_missing
        build x86_64
        build aarch64
        mkdir -p $logs
        export COURTYARD_BOOT_ALL=1 COURTYARD_DAMAGES=${COURTYARD_DAMAGES:-50}
        stage "the appliance in an emulated machine" image_tests
        printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
        [ $failed = 0 ]
        return
    fi
    if [ "$tier" = accelerator ]; then
        need python3 python3
        install_missing
        build x86_64
        exec tests/accelerator/jobs.py build/courtyard
    fi
    case $tier in fast | full) ;; *) usage >&2; exit 2 ;; esac
    need clang-format clang-format
    if [ "$tier" = full ]; then
        need gcc-aarch64-linux-gnu aarch64-linux-gnu-gcc
        need libc6-dev-arm64-cross /usr/aarch64-linux-gnu/include/stdio.h
        [ -e /usr/bin/qemu-aarch64-static ] || need qemu-user qemu-aarch64
        [ ! -d tests/boot ] || need qemu-system-x86 qemu-system-x86_64
        [ ! -d tests/boot/image ] || need ovmf /usr/share/OVMF/OVMF_CODE_4M.fd
        [ ! -d tests/web ] || need chromium chromium
        if [ -d tests/api ] || [ -d tests/web ]; then
            need nodejs node
            need npm npm
        fi
    fi
    need_for_build
    mkdir -p $logs build/tmp
    rm -rf build/tmp/*
    export TMPDIR=$PWD/build/tmp
    room_told
    test_fast
    if [ "$tier" = full ]; then test_full; fi
    echo "$tier tests took $(since "$started") s; logs are in $logs"
    printf '%d passed, %d failed' $passed $failed
    [ $skipped = 0 ] || printf ', %d skipped' $skipped
    echo
    [ $failed = 0 ]
}

# --- soak -----------------------------------------------------------------------------------------
soak_one() { # END PROGRAM SEED: nothing once the clock is past END
    local log
    log=$logs/soak/$(tr / - <<<"$2").$3.log
    [ "$EPOCHSECONDS" -lt "$1" ] || return 0
    COURTYARD_SEED=$3 run_one "$log" 600 "$2"
    if [ "$(cat "$log.status")" = 0 ]; then
        rm "$log" "$log.status"
        echo passed >>"$logs/soak/runs"
    else
        echo failed >>"$logs/soak/runs"
        printf '   FAILED COURTYARD_SEED=%s %s (%s)\n' "$3" "$2" "$log"
        complaints "$log"
    fi
}
export -f soak_one complaints

# What a property's test draws shows only by many draws; the gate has one seed (.ci/run), so that it
# judges the change and not the draw.
soak() { # [SECONDS] [PATTERN]
    local seconds=${1:-600} pattern=${2:-.} end name names
    [[ $seconds =~ ^[0-9]+$ ]] || { usage >&2; exit 2; }
    need_for_build
    mapfile -t names < <(cd tests &&
        grep -rlE 'check_(random|below|uniform)|check\.seed|support/samples' unit | sort |
        sed 's/\.c$//' | grep -E "$pattern")
    [ ${#names[@]} -gt 0 ] || die "no unit test with random input has a name like $pattern"
    compile x86_64 "${names[@]/#/build/x86_64/}"
    rm -rf "${logs:?}/soak"
    mkdir -p "$logs/soak" build/tmp
    export logs TMPDIR=$PWD/build/tmp
    end=$((EPOCHSECONDS + seconds))
    while [ "$EPOCHSECONDS" -lt $end ]; do
        for name in "${names[@]}"; do
            printf '%s\0%s\0' "build/x86_64/$name" "$SRANDOM"
        done | xargs -0 -n 2 -P "$COURTYARD_JOBS" bash -c 'soak_one "$@"' _ "$end"
    done
    passed=$(grep -c passed "$logs/soak/runs" || true)
    failed=$(grep -c failed "$logs/soak/runs" || true)
    echo "$passed runs passed, $failed failed"
    [ "$failed" = 0 ]
}

# --- bench and fuzz -------------------------------------------------------------------------------
# A bench is a C program or a script; a folder of them is run one by one, or only those named.
bench_run() { # FILE ARGUMENTS...
    local file=$1
    shift
    case $file in
    *.c)
        file=${file#tests/bench/}
        compile x86_64 "build/x86_64/bench/${file%.c}"
        "build/x86_64/bench/${file%.c}" "$@"
        ;;
    *.mjs) node "$file" "$@" ;;
    *.py) python3 "$file" "$@" ;;
    *) "$file" "$@" ;;
    esac
}

bench_folder() { # FOLDER [NAME...]
    local file name folder=$1 status=0
    shift
    for file in "$folder"/*; do
        name=${file##*/}
        [[ $name == *.* || -x $file ]] || continue
        [[ $# = 0 || " $* " == *" ${name%.*} "* ]] || continue
        echo "== ${folder##*/}: ${name%.*}"
        bench_run "$file" || { echo "   ended with $?"; status=1; }
    done
    return $status
}

bench() {
    local name=${1-} file
    [ -n "$name" ] || { (cd tests/bench 2>/dev/null && ls); exit 2; }
    shift
    build x86_64
    export COURTYARD=$PWD/build/courtyard
    if [ -d "tests/bench/$name" ]; then
        bench_folder "tests/bench/$name" "$@"
        return
    fi
    for file in "tests/bench/$name" tests/bench/"$name".{c,sh,mjs,py}; do
        if [ -f "$file" ]; then
            bench_run "$file" "$@"
            return
        fi
    done
    die "there is no tests/bench/$name (.c, .sh, .mjs or .py)"
}

fuzz() {
    local name=${1-} seconds=${2:-60}
    [ -f "tests/fuzz/$name.c" ] || die "there is no tests/fuzz/$name.c"
    need_for_build
    need_for_fuzz
    compile fuzz "build/fuzz/fuzz/$name"
    mkdir -p "build/fuzz/corpus/$name" "build/fuzz/crash" "tests/fuzz/corpus/$name"
    # What is found goes to build/; what is worth keeping is copied to tests/fuzz/corpus by hand.
    exec "build/fuzz/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="build/fuzz/crash/$name-" "build/fuzz/corpus/$name" \
        "tests/fuzz/corpus/$name"
}

clean() {
    rm -rf build
    [ "${1-}" = all ] || return 0
    local cache=${COURTYARD_BUILD_CACHE:-$HOME/.cache/courtyard}
    rm -rf vendor/cache web/node_modules tests/*/node_modules
    # Only what vendor/build made: folders named by sixteen hexadecimal digits.
    [ ! -d "$cache" ] || find "$cache" -mindepth 1 -maxdepth 1 -type d \
        -regextype posix-extended -regex '.*/[0-9a-f]{16}' -exec rm -rf {} +
}

command=${1-}
[ $# -eq 0 ] || shift
case $command in
run) run "$@" ;;
build) build "$@" ;;
image) image "$@" ;;
test) run_tests "$@" ;;
soak) soak "$@" ;;
format) format ;;
bench) bench "$@" ;;
fuzz) fuzz "$@" ;;
clean) clean "$@" ;;
help | -h | --help) usage ;;
*) usage >&2; exit 2 ;;
esac
