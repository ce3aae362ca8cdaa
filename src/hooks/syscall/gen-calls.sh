#!/bin/sh
# Prints CALL(name, number) for each system call of the machine compiled for, by number.
# usage: gen-calls.sh CC...
set -eu
echo '#include <asm/unistd.h>' | "$@" -E -dM - |
	sed -n 's/^#define __NR_\([a-z_][a-z0-9_]*\) \([0-9][0-9]*\)$/CALL(\1, \2)/p' |
	grep -vE '\((syscalls|arch_specific_syscall),' | sort -t, -k2 -n
