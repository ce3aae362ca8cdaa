#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh SKEP CAPTURE DIR [carved]: eBPF as Debian ships it, beside this machine's Linux. Objects that packages
# hold as files or inside their executables (carve.py) are verified by `skep verify --btf
# --against-linux`; programs that bcc and bpftrace generate are captured at their bpf(2) (generate.py,
# capture.c), unless only the carved ones are asked for. Programs that this Linux does not verify
# (EPERM) are expected to be accepted: their packages ship them.
#
# Ends with "objects: agree A of B, unsafe accepts U"; exit status 1 when U > 0, 77 when it cannot run.
set -u
skep=$1 capture=$2 dir=$3 only=${4:-all}
here=$(cd "$(dirname "$0")" && pwd)
compare=$here/../verifier/selftests/compare.awk
btf=/sys/kernel/btf/vmlinux
packages="xdp-tools libxdp1 libbpf-tools bpftool systemd knot libknot13 iproute2"

skip() {
	echo "check-objects: $1"
	echo "objects: skipped"
	exit 77
}

[ -r $btf ] || skip "no $btf"
command -v python3 >/dev/null || skip "python3 is not installed"
command -v dpkg >/dev/null || skip "not a Debian system"
rm -rf "$dir/carved"
mkdir -p "$dir/carved"

for package in $packages; do
	dpkg -s "$package" >/dev/null 2>&1 || { echo "$package: not installed"; continue; }
	dpkg -L "$package" | while read -r file; do
		[ -f "$file" ] && [ ! -L "$file" ] && echo "$file"
	done >"$dir/files"
	mkdir "$dir/carved/$package"
	xargs python3 "$here/carve.py" "$dir/carved/$package" <"$dir/files" >/dev/null
	echo "$package: $(find "$dir/carved/$package" -name '*.o' | wc -l) objects"
done
find "$dir/carved" -type d -empty -delete
"$skep" verify --tsv --btf $btf --against-linux "$dir/carved" >"$dir/verdicts.tsv"

rows=$dir/generated
: >"$rows"
if [ "$only" != carved ]; then
	if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
		echo "bcc, bpftrace: not run: a mount namespace needs root"
	else
		# Names of functions, for tools that look them up.
		PATH=$PATH:/usr/sbin bpftool btf dump file $btf 2>/dev/null |
			sed -n "s/.* FUNC '\([^']*\)'.*/\1/p" >"$dir/functions"
		unshare -m sh -c 'mount -t tracefs none /sys/kernel/tracing
			mount -t debugfs none /sys/kernel/debug
			exec python3 "$@"' sh "$here/generate.py" "$capture" "$rows" "$dir"
	fi
fi

# Questions to the kernel, which bcc and bpftrace ask before they load what they made.
is_probe='$2 ~ /^(#|libbpf_nametest|btf)/ && $1 !~ /\.o$/'
: >"$dir/none"
{ head -n 1 "$dir/verdicts.tsv"; awk -F'\t' "$is_probe" "$rows"; } >"$dir/probes.tsv"
{ cat "$dir/verdicts.tsv"; awk -F'\t' "!($is_probe)" "$rows"; } >"$dir/all.tsv"
[ -s "$rows" ] && awk -v what=probes -f "$compare" "$dir/none" "$dir/probes.tsv"
awk -v what=objects -v otherwise=accepted -f "$compare" "$dir/none" "$dir/all.tsv"
