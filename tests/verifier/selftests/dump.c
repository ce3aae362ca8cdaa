/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the entries of Linux's verifier tests to a file (entry.h). It is compiled only
 * when the tests run, together with Linux's own test program from the installed
 * linux-source package, whose table it reads; prepare.sh does that. Nothing of it is kept.
 */
#include "verifier/selftests/entry.h"

#define main selftests_main
#include "test_verifier.c"
#undef main

static void add_maps(struct subject *s, const int *at, enum fixture fixture)
{
	for (; *at && s->n_maps < 64; at++)
		s->maps[s->n_maps++] = (struct subject_map){ (u32)*at, fixture };
}

static void add_all_maps(struct subject *s, struct bpf_test *t)
{
	add_maps(s, t->fixup_map_hash_8b, FIXTURE_hash_8b);
	add_maps(s, t->fixup_map_hash_48b, FIXTURE_hash_48b);
	add_maps(s, t->fixup_map_hash_16b, FIXTURE_hash_16b);
	add_maps(s, t->fixup_map_array_48b, FIXTURE_array_48b);
	add_maps(s, t->fixup_prog1, FIXTURE_prog1);
	add_maps(s, t->fixup_prog2, FIXTURE_prog2);
	add_maps(s, t->fixup_map_in_map, FIXTURE_map_in_map);
	add_maps(s, t->fixup_cgroup_storage, FIXTURE_cgroup_storage);
	add_maps(s, t->fixup_percpu_cgroup_storage, FIXTURE_percpu_cgroup_storage);
	add_maps(s, t->fixup_map_sockmap, FIXTURE_sockmap);
	add_maps(s, t->fixup_map_sockhash, FIXTURE_sockhash);
	add_maps(s, t->fixup_map_xskmap, FIXTURE_xskmap);
	add_maps(s, t->fixup_map_stacktrace, FIXTURE_stacktrace);
	add_maps(s, t->fixup_map_spin_lock, FIXTURE_spin_lock);
	add_maps(s, t->fixup_map_array_ro, FIXTURE_array_ro);
	add_maps(s, t->fixup_map_array_wo, FIXTURE_array_wo);
	add_maps(s, t->fixup_map_array_small, FIXTURE_array_small);
	add_maps(s, t->fixup_sk_storage_map, FIXTURE_sk_storage);
	add_maps(s, t->fixup_map_event_output, FIXTURE_event_output);
	add_maps(s, t->fixup_map_reuseport_array, FIXTURE_reuseport_array);
	add_maps(s, t->fixup_map_ringbuf, FIXTURE_ringbuf);
	add_maps(s, t->fixup_map_timer, FIXTURE_timer);
	add_maps(s, t->fixup_map_kptr, FIXTURE_kptr);
}

/* The test's own types, as the bytes BTF_LOAD takes. */
static void add_btf(struct subject *s, struct bpf_test *t)
{
	struct btf_header header = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(header),
		.str_len = sizeof(t->btf_strings),
	};

	if (!t->btf_types[0])
		return;
	while (header.type_len / 4 < MAX_BTF_TYPES &&
	       t->btf_types[header.type_len / 4] != BTF_END_RAW)
		header.type_len += 4;
	header.str_off = header.type_len;
	memcpy(s->btf, &header, sizeof(header));
	memcpy(s->btf + sizeof(header), t->btf_types, header.type_len);
	memcpy(s->btf + sizeof(header) + header.type_len, t->btf_strings, header.str_len);
	s->btf_size = sizeof(header) + header.type_len + header.str_len;
}

static void fill_subject(struct subject *s, struct bpf_test *t)
{
	if (t->fill_helper) {
		t->fill_insns = calloc(MAX_TEST_INSNS, sizeof(struct bpf_insn));
		t->fill_helper(t);
	}
	s->insns = t->fill_insns ? t->fill_insns : t->insns;
	s->n_insns = (u32)(t->fill_insns ? t->prog_len : probe_filter_length(t->insns));
	snprintf(s->name, sizeof(s->name), "%s", t->descr);
	s->prog_type = t->prog_type ? t->prog_type : BPF_PROG_TYPE_SOCKET_FILTER;
	s->attach_type = t->expected_attach_type;
	s->gpl = true;
	if (t->flags & F_LOAD_WITH_STRICT_ALIGNMENT)
		s->prog_flags |= BPF_F_STRICT_ALIGNMENT;
	if (t->flags & F_NEEDS_EFFICIENT_UNALIGNED_ACCESS)
		s->prog_flags |= BPF_F_ANY_ALIGNMENT;
	if (t->flags & ~3)
		s->prog_flags |= t->flags;
	if (t->kfunc)
		snprintf(s->attach_to, sizeof(s->attach_to), "%s", t->kfunc);
	s->n_func_info = (u32)t->func_info_cnt;
	memcpy(s->func_info, t->func_info, sizeof(t->func_info));
	add_all_maps(s, t);
	for (int i = 0; i < 8 && t->fixup_kfunc_btf_id[i].kfunc; i++) {
		struct subject_kfunc *k = &s->kfuncs[s->n_kfuncs++];

		k->insn = (u32)t->fixup_kfunc_btf_id[i].insn_idx;
		snprintf(k->name, sizeof(k->name), "%s", t->fixup_kfunc_btf_id[i].kfunc);
	}
	add_btf(s, t);
}

static void write_entry(struct bpf_test *t, FILE *out)
{
	static struct selftest_entry e;
	struct bpf_insn *insns;
	const char *message = t->errstr ? t->errstr : "";
	int unprivileged = t->result_unpriv != UNDEF ? t->result_unpriv : t->result;

	memset(&e, 0, sizeof(e));
	e.expect_accept = t->result == ACCEPT || t->result == VERBOSE_ACCEPT;
	e.has_unprivileged = test_as_unpriv(t);
	e.expect_accept_unprivileged = unprivileged != REJECT;
	e.needs_unaligned = t->flags & F_NEEDS_EFFICIENT_UNALIGNED_ACCESS;
	e.runs = t->runs;
	fill_subject(&e.subject, t);
	e.retval = t->retval;
	snprintf(e.expect_message, sizeof(e.expect_message), "%s", message);
	snprintf(e.expect_message_unprivileged, sizeof(e.expect_message_unprivileged), "%s",
		 t->errstr_unpriv ? t->errstr_unpriv : message);
	insns = e.subject.insns;
	e.subject.insns = NULL;
	fwrite(&e, sizeof(e), 1, out);
	fwrite(insns, sizeof(*insns), e.subject.n_insns, out);
	free(t->fill_insns);
}

int main(int argc, char **argv)
{
	FILE *out = argc > 1 ? fopen(argv[1], "w") : NULL;

	if (!out)
		return 1;
	srand(1);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		write_entry(&tests[i], out);
	return fclose(out) != 0;
}
