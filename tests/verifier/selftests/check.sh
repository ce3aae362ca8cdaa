#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh RUNNER SKEP LIBSKEP DIR [options]: Linux's verifier tests, unpacked below DIR if need be:
# the entries of verifier/*.c through RUNNER, and those with results run by LIBSKEP (runs.sh); the
# programs of progs/*.c through SKEP (progs.sh). With options (selftests.c), the entries alone.
#
# Ends with "selftests: agree A of B, unsafe accepts U" for both together.
set -u
runner=$1
skep=$2
lib=$3
dir=$4
shift 4
here=$(dirname "$0")
"$here/prepare.sh" "$dir" || {
	status=$?
	[ $status -eq 77 ] && echo "selftests: skipped"
	exit $status
}
[ $# -gt 0 ] && exec "$runner" "$dir/entries" "$@"

sums=$dir/sums
: >"$sums"
# part NAME COMMAND...: its last line is kept for the sum, under its own name.
part() {
	name=$1
	shift
	"$@" >"$dir/part.out"
	sed "s/^selftests: /$name: /" "$dir/part.out"
	grep '^selftests: agree' "$dir/part.out" >>"$sums"
}
part "verifier/*.c" "$runner" "$dir/entries"
"$here/runs.sh" "$lib" "$dir"
part "progs/*.c" "$here/progs.sh" "$skep" "$dir"
awk '{
	gsub(",", "")
	agree += $3; all += $5; unsafe += $8
}
END {
	printf "selftests: agree %d of %d, unsafe accepts %d\n", agree, all, unsafe
	exit unsafe > 0
}' "$sums"
