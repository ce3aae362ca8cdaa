/* SPDX-License-Identifier: Apache-2.0 */
/* Section names that the installed libbpf does not know, added to those it does. */
#include "loader/parts.h"

#include <string.h>

#include <bpf/libbpf.h>

#include "loader/libbpf_os.h"

/* Sections that newer versions of libbpf know. */
static const struct {
	const char *section; /* as libbpf_register_prog_handler wants it */
	const char *example;
	enum bpf_prog_type type;
	int attach_type;
} newer_sections[] = {
	{ "uprobe.multi+", "uprobe.multi", BPF_PROG_TYPE_KPROBE, 48 },
	{ "uprobe.multi.s+", "uprobe.multi.s", BPF_PROG_TYPE_KPROBE, 48 },
	{ "uretprobe.multi+", "uretprobe.multi", BPF_PROG_TYPE_KPROBE, 48 },
	{ "uretprobe.multi.s+", "uretprobe.multi.s", BPF_PROG_TYPE_KPROBE, 48 },
	{ "tcx/ingress", "tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, 46 },
	{ "tcx/egress", "tcx/egress", BPF_PROG_TYPE_SCHED_CLS, 47 },
	{ "tc/ingress", "tc/ingress", BPF_PROG_TYPE_SCHED_CLS, 46 },
	{ "tc/egress", "tc/egress", BPF_PROG_TYPE_SCHED_CLS, 47 },
	{ "netkit/primary", "netkit/primary", BPF_PROG_TYPE_SCHED_CLS, 54 },
	{ "netkit/peer", "netkit/peer", BPF_PROG_TYPE_SCHED_CLS, 55 },
};

/* SEC("skep/NAME"): the context is told by number. */
static int setup_custom(struct bpf_program *prog, long cookie)
{
	const struct loader_kernel *kernel = libbpf_current();
	const char *name = bpf_program__section_name(prog) + strlen("skep/");
	int id;

	if (!kernel || !kernel->context)
		return 0;
	id = kernel->context(kernel->data, name);
	if (id > 0)
		bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)id);
	return 0;
}

void sections_register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, custom, .prog_setup_fn = setup_custom);
	enum bpf_prog_type type;
	enum bpf_attach_type attach_type;

	for (size_t i = 0; i < ARRAY_SIZE(newer_sections); i++)
		if (libbpf_prog_type_by_name(newer_sections[i].example, &type, &attach_type))
			libbpf_register_prog_handler(
			    newer_sections[i].section, newer_sections[i].type,
			    (enum bpf_attach_type)newer_sections[i].attach_type, NULL);
	libbpf_register_prog_handler("skep/", (enum bpf_prog_type)PROG_TYPE_CUSTOM, 0, &custom);
}
