#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# prepare.sh DIR: makes DIR/entries from the verifier tests in Debian's linux-source-6.1
# package. They are unpacked below DIR, used, and never part of this repository.
# Exits 77, saying why, where that cannot be done.
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
tarball=${SKEP_LINUX_SOURCE:-/usr/src/linux-source-6.1.tar.xz}

[ -f "$tarball" ] || { echo "prepare.sh: $tarball is not here (apt install linux-source-6.1)"; exit 77; }
[ -f /usr/include/bpf/libbpf.h ] || { echo "prepare.sh: libbpf-dev is not installed"; exit 77; }
mkdir -p "$dir"
bpf=$dir/linux-source-6.1/tools/testing/selftests/bpf
if [ ! -f "$dir/unpacked-uapi" ]; then
	tar -xJf "$tarball" -C "$dir" --wildcards \
		'*/tools/testing/selftests/bpf/*.h' '*/tools/testing/selftests/bpf/*.c' \
		'*/tools/include/linux/filter.h' '*/tools/include/uapi/*.h'
	touch "$dir/unpacked-uapi"
fi
if [ ! -f "$dir/entries" ] || [ "$here/dump.c" -nt "$dir/entries" ] ||
   [ "$here/entry.h" -nt "$dir/entries" ] || [ "$here/../lib/subject.h" -nt "$dir/entries" ]; then
	mkdir -p "$dir/verifier"
	for f in "$bpf"/verifier/*.c; do
		echo "#include \"$f\""
	done > "$dir/verifier/tests.h"
	${CC:-cc} -std=gnu11 -w -O0 -I"$root/tests" -I"$root/src" -I"$dir" -I"$bpf" \
		"$here/dump.c" "$bpf/cap_helpers.c" -o "$dir/dump" -lbpf
	"$dir/dump" "$dir/entries.new"
	mv "$dir/entries.new" "$dir/entries"
fi
