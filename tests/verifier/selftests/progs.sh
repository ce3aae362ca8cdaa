#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# progs.sh SKEP DIR [PART]: Linux's own BPF programs (selftests/bpf/progs) by the BTF of this
# machine's kernel. They are compiled below DIR, once, and each program is verified by
# `skep verify --btf`. The reference is, for each program, the first of
#	this machine's Linux, where it may be asked and verifies programs of that type
#	what the test expects (expected.awk)
# PART: one in that many files, the same ones each time.
#
# Ends with "selftests: agree A of B, unsafe accepts U"; exit status 1 when U > 0, 77 when it cannot run.
set -u
skep=$1 dir=$2 part=${3:-1}
here=$(cd "$(dirname "$0")" && pwd)
btf=/sys/kernel/btf/vmlinux

skip() {
	echo "progs.sh: $1"
	echo "selftests: skipped"
	exit 77
}

[ -r $btf ] || skip "no $btf"
command -v clang >/dev/null || skip "clang is not installed"
bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool) || skip "bpftool is not installed"
"$here/prepare.sh" "$dir" || exit $?

src=$dir/linux-source-6.1/tools
bpf=$src/testing/selftests/bpf
out=$dir/progs
mkdir -p "$out"
# Of another kernel, all is compiled again.
if ! cmp -s $btf "$out/btf"; then
	rm -rf "$out"
	mkdir -p "$out"
	"$bpftool" btf dump file $btf format c >"$out/vmlinux.h"
	cp $btf "$out/btf"
fi

case $(uname -m) in
x86_64) arch=x86 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac
clang_include=$(clang -print-resource-dir)/include
export bpf src out arch clang_include

# A file that does not compile by this kernel's types leaves an empty object behind.
compile='
for name; do
	[ -e "$out/$name.o" ] && continue
	clang -g -Werror -D__TARGET_ARCH_$arch -mlittle-endian -I"$out" -I"$bpf" -I"$src/include/uapi" \
		-idirafter "$clang_include" -idirafter "/usr/include/$(uname -m)-linux-gnu" \
		-Wno-compare-distinct-pointer-types -O2 -target bpf -mcpu=v3 \
		-c "$bpf/progs/$name.c" -o "$out/$name.tmp" 2>"$out/$name.err" ||
		: >"$out/$name.tmp"
	mv "$out/$name.tmp" "$out/$name.o"
done'
list=$(cd "$bpf/progs" && ls -- *.c | sed 's/\.c$//' |
	awk -v part="$part" '
		BEGIN { for (i = 0; i < 256; i++) code[sprintf("%c", i)] = i }
		{
			sum = 0
			for (i = 1; i <= length($0); i++)
				sum = (sum * 31 + code[substr($0, i, 1)]) % 65521
			if (sum % part == 0)
				print
		}')
# shellcheck disable=SC2086
echo $list | xargs -n 4 -P "$(nproc)" sh -c "$compile" sh

# Files that are parts of one object: OBJECT PART...
links='linked_funcs linked_funcs1 linked_funcs2
linked_maps linked_maps1 linked_maps2
linked_vars linked_vars1 linked_vars2
test_subskeleton_linked test_subskeleton test_subskeleton_lib test_subskeleton_lib2
test_usdt_linked test_usdt test_usdt_multispec'
parts=$(echo "$links" | cut -d' ' -f 2-)
echo "$links" | while read -r object first rest; do
	[ -e "$out/$object.o" ] || [ ! -s "$out/$first.o" ] && continue
	# shellcheck disable=SC2046
	"$bpftool" gen object "$out/$object.o" $(printf "$out/%s.o " $first $rest) || rm -f "$out/$object.o"
done

set --
for name in $list; do
	echo "$parts" | tr ' ' '\n' | grep -qx "$name" && continue
	[ -s "$out/$name.o" ] && set -- "$@" "$out/$name.o"
done
for object in $(echo "$links" | cut -d' ' -f 1); do
	[ "$part" = 1 ] && [ -s "$out/$object.o" ] && set -- "$@" "$out/$object.o"
done
echo "progs: $# of $(echo "$list" | wc -l) files compile"
"$skep" verify --tsv --btf $btf --against-linux "$@" >"$out/verdicts.tsv"
awk -f "$here/expected.awk" "$bpf"/prog_tests/*.c "$bpf"/test_*.c "$bpf"/progs/*.c >"$out/expected"
awk -v sheet="$out/differences" -f "$here/compare.awk" "$out/expected" "$out/verdicts.tsv"
