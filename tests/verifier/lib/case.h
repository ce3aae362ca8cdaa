/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases in text: tests/verifier/cases/NAME.data. Lines that begin with a tab, and labels, are code
 * in the assembler's syntax; the others say what the case is.
 *
 *	case WHAT			begins a case
 *	type NAME			program type as bpftool names it (default socket_filter)
 *	attach NUMBER			expected_attach_type
 *	to NAME				what the program is attached to: a function or another type
 *					of the kernel's BTF
 *	license none			not GPL compatible
 *	flags strict|unaligned|sleepable
 *	unprivileged
 *	kernel linux			judged by the rules of the Linux whose BTF this machine has (its
 *					functions, structs, variables: call kfunc NAME, ktype[NAME], ksym[NAME],
 *					off[STRUCT.MEMBER]);
 *					skipped where one of them is missing
 *	runs				not only verified: what Skep cannot run is refused too
 *	btf				describe the functions; done anyway when there are callbacks
 *	map NAME TYPE ENTRIES VALUE	a map of its own: TYPE hash, lru, array, array_of_maps,
 *					percpu, user_ringbuf or arena; VALUE in value.h's words, of array_of_maps the
 *					own map inside
 *	object NAME VALUE		a struct of the program's BTF; type[NAME] is its id
 *	global RESULT PARAMETER...	the second function is global: int, void, float, fwd (a struct
 *					that is only named), a struct, or *T a pointer to T;
 *					PARAMETER:TAG,TAG with the declaration tags arg:TAG
 *	accept				the verdict, or
 *	refuse [@INSN] WORDS		with words of the message; Linux must use them too
 *	linux accepts: WHY		where this differs from the Linux we follow
 *	linux refuses: WHY
 *	linux says WORDS		the same refusal in other words
 *	linux skipped: WHY
 *
 * In code, map[NAME] is a fixture (subject.h) or a map of its own, and ".raw CODE DST SRC OFF IMM" an
 * instruction that the assembler would not write. "call kfunc NAME" calls a kfunc.
 */
#ifndef SKEP_TESTS_VERIFIER_CASE_H
#define SKEP_TESTS_VERIFIER_CASE_H

#include "verifier/lib/subject.h"

enum linux_view { LINUX_SAME, LINUX_ACCEPTS, LINUX_REFUSES, LINUX_SKIPPED };

struct verifier_case {
	struct subject subject;
	bool accept;
	s32 at; /* instruction of the refusal, -1: any */
	char words[200];
	enum linux_view linux_view;
	char linux_words[200]; /* when Linux says it differently */
	u32 line;	       /* in its file */
};

/*
 * Reads one file; calls run for each case, which is reused for the next. False, with a
 * line on stderr, when the file has an error.
 */
bool cases_read(const char *path, void (*run)(struct verifier_case *c, void *arg), void *arg);

#endif
