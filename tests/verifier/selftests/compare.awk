# SPDX-License-Identifier: Apache-2.0
# compare.awk [-v sheet=FILE] [-v what=NAME] [-v otherwise=VERDICT] EXPECTED VERDICTS.tsv: our
# verdicts beside the reference. EXPECTED may be empty; otherwise is what is expected then. Apart from the sum are counted
#	not loadable	what no kernel is asked about: an attach point, an extern or a map that
#			this kernel lacks, a target that a loader sets
#	later		features that Skep refuses by name for now
#	unjudged	no reference
# Exit status 1 when we accept what the reference refuses.
BEGIN {
	FS = "\t"
	if (what == "")
		what = "selftests"
	sheet = sheet == "" ? "/dev/null" : sheet
	printf "" >sheet
}
FILENAME == ARGV[1] {
	split($0, word, " ")
	expected[word[1], word[2]] = word[3]
	next
}
FNR == 1 {
	for (i = 1; i <= NF; i++)
		column[$i] = i
	next
}
function count(kind) {
	n[kind]++
}
{
	object = $column["file"]
	sub(/.*\//, "", object)
	base = object
	sub(/\.o$/, "", base)
	sub(/\.bpf$/, "", base)
	program = $column["program"]
	verdict = $column["verdict"]
	reason = $column["reason"]
	theirs = $column["linux_verdict"]
	why = $column["linux_reason"]
}
verdict == "error" && reason ~ /has no programs/ { next }
verdict == "error" {
	count("error")
	printf "not read: %s: %s\n", object, substr(reason, 1, 150)
	next
}
reason ~ /come later/ && reason !~ /attach targets/ { count("later"); next }
reason ~ /^this kernel has no |^extern '|attach program FD is not set|cannot be made/ &&
	theirs != "accepted" { count("not loadable"); next }
verdict == "unjudged" && reason ~ /^no program type|^SEC\(/ { count("not loadable"); next }
{
	by = "Linux"
	if (theirs != "accepted" && theirs != "refused") {
		by = "the test"
		theirs = otherwise
		if ((base, "*") in expected)
			theirs = expected[base, "*"]
		if ((base, program) in expected)
			theirs = expected[base, program]
		why = "as it expects"
	}
	if (theirs == "") {
		count("unjudged")
		next
	}
	count("judged")
	if (by == "Linux")
		count("by Linux")
	if (theirs == verdict) {
		count("agree")
		if (theirs == "accepted" && by == "Linux") {
			ours_us += $column["time_us"]
			linux_us += $column["linux_time_us"]
		}
		next
	}
	if (verdict == "accepted") {
		count("unsafe")
		line = sprintf("ACCEPTED, but %s refuses: %s %s: %s", by, object, program, why)
	} else {
		line = sprintf("%s, but %s accepts: %s %s: %s", verdict, by, object, program, reason)
	}
	print substr(line, 1, 250)
	print line >sheet
}
END {
	printf "%s: %d by Linux, %d by the test; apart: %d not loadable here, %d later, %d unjudged, %d not read\n",
		what, n["by Linux"], n["judged"] - n["by Linux"], n["not loadable"], n["later"],
		n["unjudged"], n["error"]
	if (linux_us)
		printf "%s: time on programs both accept: %.1f ms, Linux %.1f ms\n", what, ours_us / 1000,
			linux_us / 1000
	printf "%s: agree %d of %d, unsafe accepts %d\n", what, n["agree"], n["judged"], n["unsafe"]
	exit n["unsafe"] > 0
}
