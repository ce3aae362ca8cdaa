#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh RUNNER SKEP INTERNAL CORE DIR [options]: Linux's verifier tests, unpacked below DIR if need
# be: the entries of verifier/*.c through bpf(2) of Skep's libraries, by this machine's BTF, and those
# with results also run (runs.sh); the programs of progs/*.c through SKEP (progs.sh). With options
# (selftests.c), the entries alone through RUNNER, which calls the verifier of Skep's own kernel.
#
# Ends with "selftests: agree A of B, unsafe accepts U" for both together.
set -u
runner=$1
skep=$2
internal=$3
core=$4
dir=$5
shift 5
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
	sed "s|^selftests: |$name: |" "$dir/part.out"
	grep '^selftests: agree' "$dir/part.out" >>"$sums"
}
part "verifier/*.c" "$here/runs.sh" "$dir" "$internal" "$core"
part "progs/*.c" "$here/progs.sh" "$skep" "$dir"
awk '{
	gsub(",", "")
	agree += $3; all += $5; unsafe += $8
}
END {
	printf "selftests: agree %d of %d, unsafe accepts %d\n", agree, all, unsafe
	exit unsafe > 0
}' "$sums"
