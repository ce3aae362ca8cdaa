#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tap.sh RUNNER SKEP INTERNAL CORE DIR: check.sh's bounded part as three tests: all entries of
# verifier/*.c by Skep's own kernel; the same by this machine's BTF, and run where they have results;
# and the programs of one in eight files of progs/*.c. Each passes when no more than one
# in a hundred, and one more, differ, and nothing is accepted that the reference refuses.
set -u
runner=$1
skep=$2
internal=$3
core=$4
dir=$5
here=$(dirname "$0")

# judge NUMBER NAME COMMAND...
judge() {
	number=$1
	name=$2
	shift 2
	"$@" >"$dir/tap.out" 2>&1
	status=$?
	sed 's/^/# /' "$dir/tap.out"
	if [ $status -eq 77 ]; then
		echo "ok $number - $name # SKIP $(head -n 1 "$dir/tap.out")"
	elif awk '/^runs: [1-9]/ { wrong = $7 } /^selftests: agree/ { gsub(",", ""); good = $5 && $8 == 0 && $5 - $3 <= 1 + $5 / 100 }
		  END { exit !good || wrong }' "$dir/tap.out"; then
		echo "ok $number - $name"
	else
		echo "not ok $number - $name"
	fi
}

echo 1..3
mkdir -p "$dir"
"$here/prepare.sh" "$dir" >"$dir/tap.out" 2>&1 || {
	why=$(tail -n 1 "$dir/tap.out")
	echo "ok 1 - verifier/*.c # SKIP $why"
	echo "ok 2 - progs/*.c # SKIP $why"
	echo "ok 3 - runs # SKIP $why"
	exit 0
}
judge 1 "verifier/*.c" "$runner" "$dir/entries"
judge 2 "progs/*.c" "$here/progs.sh" "$skep" "$dir" 8
judge 3 "verifier/*.c through bpf(2)" "$here/runs.sh" "$dir" "$internal" "$core"
