#!/bin/sh
# Makes one relocatable object out of the loader and all of libbpf.a, in which only the
# loader's own functions are global. What libbpf would call to reach a kernel is renamed to
# the functions of libbpf_os.c; so is stderr, which position dependent code (as Debian's
# libbpf.a is) cannot name inside a shared library.
# usage: privatise.sh LD OBJCOPY OUT ARCHIVE...
set -eu

ld=$1 objcopy=$2 out=$3
shift 3

"$ld" -r -o "$out.all" --whole-archive "$@"

set --
for name in stderr syscall open open64 fopen fopen64 access faccessat uname statfs statfs64 \
	mkdir setrlimit setrlimit64 gzopen gzopen64; do
	set -- "$@" --redefine-sym "$name=skep_libbpf_$name"
done
"$objcopy" "$@" --wildcard --keep-global-symbol='loader_*' "$out.all" "$out"
rm -f "$out.all"
