#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh RUNNER DIR [options]: unpacks Linux's verifier tests below DIR if need be and runs them.
set -u
runner=$1
dir=$2
shift 2
"$(dirname "$0")/prepare.sh" "$dir" || {
	status=$?
	[ $status -eq 77 ] && echo "selftests: skipped"
	exit $status
}
exec "$runner" "$dir/entries" "$@"
