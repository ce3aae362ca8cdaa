#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# runs.sh DIR LIBRARY...: builds runs.c with Skep's libraries below DIR, where prepare.sh has unpacked
# Linux's tests, and runs it. Exits 77 when it cannot be linked (a sanitizer's build).
set -u
dir=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
bpf=$dir/linux-source-6.1/tools/testing/selftests/bpf
libbpf=$(pkg-config --variable=libdir libbpf)/libbpf.a

${CC:-cc} -std=gnu11 -w -O1 -I"$root/tests" -I"$root/src" -I"$root/include" -I"$dir" -I"$bpf" \
	"$here/runs.c" "$bpf/cap_helpers.c" -o "$dir/runs" -Wl,--wrap=syscall \
	"$libbpf" "$@" -lelf -lz -lpthread 2>"$dir/runs.err" || {
	echo "runs: not linked: $(head -n 1 "$dir/runs.err")"
	exit 77
}
exec "$dir/runs"
