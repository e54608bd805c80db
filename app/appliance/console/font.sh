#!/bin/sh
# Makes app/appliance/console/embed/console.hex, the console's font, out of GNU Unifont's own table:
#   app/appliance/console/font.sh UNIFONT.HEX      (usr/share/unifont/unifont.hex of Debian's "unifont")
# Unifont 15.1.01, unifont_15.1.01-1_all.deb,
# SHA-256 71f15b20ca65e6b1ce5e09e2500a3751cef2847fd027e9e2262c076bebfc18a4.
# What is kept: ASCII, Latin-1, lines and arrows, and every character of web/messages/zh-CN.json.
# Run it again when a message brings a new character; a unit test tells.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../../.."
out=app/appliance/console/embed/console.hex
wanted=$(mktemp)
trap 'rm -f "$wanted"' EXIT

range() { # FIRST LAST, hexadecimal
    for code in $(seq $((0x$1)) $((0x$2))); do printf '%04X\n' "$code"; done
}
{
    range 20 7E
    range A0 FF
    range 2010 2027
    range 2190 2193
    range 2500 257F
    range 2588 2593
    range 25A0 25CF
    range 3000 3002
    range FF01 FF5E
    iconv -f UTF-8 -t UTF-16BE web/messages/zh-CN.json | od -An -v -tx2 --endian=big -w2 |
        tr -d ' ' | tr a-f A-F
} | grep -v "^00[01]" | sort -u >"$wanted"

mkdir -p "$(dirname "$out")"
{
    cat <<'HEAD'
# The console's font: a part of GNU Unifont 15.1.01 (https://unifoundry.com/unifont/), its lines as
# they are, chosen by app/appliance/console/font.sh. One line a character: code point, then the rows of its
# 8x16 or 16x16 points from the top, the leftmost point in the highest bit.
# Copyright 1998-2023 Roman Czyborra, Paul Hardy, Qianqian Fang, Andrew Miller, Johnnie Weaver,
# David Corbett, Nils Moskopp, Rebecca Bettencourt and others. Licence: GPL-2.0-or-later with the
# GNU font embedding exception, or OFL-1.1 (either, at your choice).
HEAD
    join -t: "$wanted" "$1"
} >"$out.new"
mv "$out.new" "$out"
