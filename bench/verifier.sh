#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# verifier.sh BUILD [options of bench-verifier]: gathers the programs that this machine has, and
# runs bench-verifier on them. What is not here is left out, and named.
set -u
build=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
bpf=$build/selftests/linux-source-6.1/tools/testing/selftests/bpf
objects=$build/bench/objects
set -- "$@"

"$here/../tests/verifier/selftests/prepare.sh" "$(cd "$build" && pwd)/selftests" &&
	set -- "$@" -e "$build/selftests/entries"

# The big ones of Linux's own test programs.
compile() {
	mkdir -p "$objects"
	[ -s "$objects/vmlinux.h" ] ||
		bpftool btf dump file /sys/kernel/btf/vmlinux format c > "$objects/vmlinux.h" || return
	for name in pyperf50 pyperf100 pyperf180 pyperf600 pyperf600_nounroll pyperf600_bpf_loop \
		pyperf_global pyperf_subprogs strobemeta strobemeta_nounroll1 \
		strobemeta_nounroll2 strobemeta_subprogs strobemeta_bpf_loop loop1 loop2 loop3 \
		loop4 loop5 loop6 test_verif_scale1 test_verif_scale2 test_verif_scale3 bpf_flow \
		xdp_synproxy_kern test_cls_redirect test_cls_redirect_subprogs test_l4lb \
		test_l4lb_noinline test_xdp test_xdp_noinline test_xdp_loop test_xdp_vlan \
		test_sysctl_loop1 test_sysctl_loop2 test_sysctl_prog test_seg6_loop \
		test_tc_dtime test_tc_tunnel test_tcp_hdr_options profiler1 twfw xdpwall; do
		[ -e "$objects/$name.bpf.o" ] ||
			clang -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -w -I"$objects" \
				-I"$bpf" -I"/usr/include/$(uname -m)-linux-gnu" \
				-c "$bpf/progs/$name.c" -o "$objects/$name.bpf.o" 2>/dev/null ||
			echo "verifier.sh: $name.c does not compile here"
	done
}

if [ -d "$bpf/progs" ] && command -v clang >/dev/null && command -v bpftool >/dev/null; then
	compile
	set -- "$@" "$objects"
else
	echo "verifier.sh: Linux's test programs are left out (clang, bpftool, linux-source-6.1)"
fi
for package in xdp-tools libbpf-tools bpftool systemd knot; do
	files=$(dpkg -L "$package" 2>/dev/null | grep -E '/s?bin/|/bpf/|/lib/systemd/' || true)
	[ -n "$files" ] || echo "verifier.sh: $package is not installed"
	for file in $files; do
		[ -f "$file" ] && grep -qs '\.BTF\.ext' "$file" && set -- "$@" "$file"
	done
done
exec "$build/bench/bench-verifier" "$@"
