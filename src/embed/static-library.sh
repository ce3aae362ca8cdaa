#!/bin/sh
# Makes libskep.a out of the internal archives: one object in which only what libskep.map
# lists is global, so that no internal name meets a user's own.
# usage: static-library.sh LD OBJCOPY AR MAP OUT ARCHIVE...
set -eu

ld=$1 objcopy=$2 ar=$3 map=$4 out=$5
shift 5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n 's/^[[:space:]]*\(skep_[a-z_]*\);$/\1/p' "$map" >"$work/names"
"$ld" -r -o "$work/all.o" --whole-archive "$@"
"$objcopy" --keep-global-symbols="$work/names" "$work/all.o" "$work/skep.o"
rm -f "$out"
"$ar" rcsD "$out" "$work/skep.o"
