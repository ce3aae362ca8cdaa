# SPDX-License-Identifier: Apache-2.0
# What Linux's tests expect of the programs in progs/: lines "OBJECT PROGRAM accepted|refused", PROGRAM * for
# all that have no line of their own. From
#	prog_tests/*.c	NAME__open_and_load() and the assertion behind it; "NAME.bpf.o";
#			tables of { "program", "message" or NULL }
#	progs/*.c	__success and __failure in front of a function
function say(object, program, verdict) {
	if (!((object, program) in said)) {
		said[object, program] = 1
		print object, program, verdict
	}
}
function end_of_test(    name, p) {
	for (name in loaded)
		say(name, "*", loaded[name])
	for (p in refused)
		for (name in objects)
			say(name, p, "refused")
	delete loaded; delete objects; delete refused
	pending = ""
}
FNR == 1 {
	end_of_test()
	base = FILENAME
	sub(/.*\//, "", base)
	sub(/\.c$/, "", base)
	in_progs = FILENAME ~ /\/progs\//
	annotation = ""
}
in_progs && /^__failure|[ \t]__failure/ { annotation = "refused" }
in_progs && /^__success|[ \t]__success/ { annotation = "accepted" }
in_progs && annotation != "" && /^(static )?(int|long|void|__u32|__u64|u64|u32)? ?[a-zA-Z_0-9]+\(/ && !/^SEC|^__/ {
	name = $0
	if (name ~ /BPF_PROG\(/)
		sub(/.*BPF_PROG\(/, "", name)
	else
		sub(/\(.*/, "", name)
	sub(/[,)].*/, "", name)
	sub(/.*[ *]/, "", name)
	say(base, name, annotation)
	annotation = ""
}
in_progs { next }
/#include ".*\.l?skel\.h"/ {
	name = $0
	sub(/.*include "/, "", name)
	sub(/(_lskel)?\.l?skel\.h.*/, "", name)
	objects[name] = 1
}
entry != "" {
	if (/^[ \t]*"/)
		refused[entry] = 1
	entry = ""
}
match($0, /\{ *"[a-z0-9_]+", *("|$)/) {
	name = substr($0, RSTART, RLENGTH)
	whole = name ~ /" *,.*"$/
	gsub(/[{", ]/, "", name)
	if (whole)
		refused[name] = 1
	else
		entry = name
}
pending != "" {
	if (/ASSERT_(ERR_PTR|NULL|ERR|NEQ)\(/)
		loaded[pending] = "refused"
	if (++waited == 3 || /ASSERT/)
		pending = ""
}
match($0, /[a-z0-9_]+__(open_and_load|load)\(/) {
	name = substr($0, RSTART, RLENGTH)
	sub(/(_lskel)?__(open_and_load|load)\($/, "", name)
	if (!(name in loaded))
		loaded[name] = "accepted"
	pending = name
	waited = 0
}
match($0, /"(\.\/)?[a-z0-9_]+\.(bpf\.)?o"/) {
	name = substr($0, RSTART + 1, RLENGTH - 2)
	sub(/^\.\//, "", name)
	sub(/\.(bpf\.)?o$/, "", name)
	if (!(name in loaded))
		loaded[name] = "accepted"
}
END { end_of_test() }
