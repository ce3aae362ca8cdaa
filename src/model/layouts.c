/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs may read and write of their contexts, field by field, as Linux 6.18 allows it
 * (tests/unit/ctx_linux.c asks the running Linux the same where it may).
 *
 * The skb family shares one UAPI struct and differs in which fields a type may touch, so each
 * field is written once, in the SKB table, with the access each type has to it.
 */
#include "model/fields.h"

/*
 * struct __sk_buff. Columns: socket_filter, sched, cgroup_skb, lwt, sk_skb. Numbers may be read
 * in smaller pieces (N), but for addresses.
 */
#define SKB_NUMBERS_1(X)                  \
	X(len, R, R, R, R, R)             \
	X(pkt_type, R, R, R, R, R)        \
	X(mark, R, RW, RW, RW, NO)        \
	X(queue_mapping, R, RW, R, R, R)  \
	X(protocol, R, R, R, R, R)        \
	X(vlan_present, R, R, R, R, R)    \
	X(vlan_tci, R, R, R, R, R)        \
	X(vlan_proto, R, R, R, R, R)      \
	X(priority, R, RW, RW, RW, RW)    \
	X(ingress_ifindex, R, R, R, R, R) \
	X(ifindex, R, R, R, R, R)         \
	X(tc_index, R, RW, R, R, RW)
#define SKB_NUMBERS_2(X)       \
	X(hash, R, R, R, R, R) \
	X(tc_classid, NO, RW, NO, NO, NO)
#define SKB_NUMBERS_3(X)          \
	X(napi_id, R, R, R, R, R) \
	X(family, NO, NO, R, NO, R)
#define SKB_PORTS(X)                     \
	X(remote_port, NO, NO, R, NO, R) \
	X(local_port, NO, NO, R, NO, R)

#define SKB_ADDRESSES(rights)                                                                    \
	WORDS(struct __sk_buff, remote_ip4, rights), WORDS(struct __sk_buff, local_ip4, rights), \
	    WORDS(struct __sk_buff, remote_ip6, rights),                                         \
	    WORDS(struct __sk_buff, local_ip6, rights)
#define SKB(field, rights)         WORDS(struct __sk_buff, field, N(rights)),
#define COL1(field, a, b, c, d, e) SKB(field, a)
#define COL2(field, a, b, c, d, e) SKB(field, b)
#define COL3(field, a, b, c, d, e) SKB(field, c)
#define COL4(field, a, b, c, d, e) SKB(field, d)
#define COL5(field, a, b, c, d, e) SKB(field, e)
#define SKB_POINTER(field, kind, rights) \
	POINTER(struct __sk_buff, field, struct skb_run_ctx, field, kind, rights)

#define SKB_LAYOUT(who, COL, cb_rights, packet, address, meta, tstamp_rights, wire, stamp_type, \
		   hw)                                                                          \
	static const struct ctx_field who##_fields[] = {                                        \
		SKB_NUMBERS_1(COL) WORDS(struct __sk_buff, cb, (cb_rights) | FIELD_ANY_SIZE),   \
		SKB_NUMBERS_2(COL) SKB_POINTER(data, FIELD_PACKET, packet),                     \
		SKB_POINTER(data_end, FIELD_PACKET_END, packet),                                \
		SKB_NUMBERS_3(COL) SKB_ADDRESSES(address),                                      \
		SKB_PORTS(COL) SKB_POINTER(data_meta, FIELD_PACKET_META, meta),                 \
		NUMBER(struct __sk_buff, tstamp, tstamp_rights),                                \
		NUMBER(struct __sk_buff, wire_len, N(wire)),                                    \
		NUMBER(struct __sk_buff, gso_segs, N(R)),                                       \
		SKB_POINTER(sk, FIELD_SOCK_COMMON, R | FIELD_NULLABLE),                         \
		NUMBER(struct __sk_buff, gso_size, N(R)),                                       \
		NUMBER(struct __sk_buff, tstamp_type, stamp_type),                              \
		NUMBER(struct __sk_buff, hwtstamp, hw),                                         \
	};                                                                                      \
	const struct ctx_layout layout_##who = {                                                \
		.name = "__sk_buff",                                                            \
		.size = sizeof(struct __sk_buff),                                               \
		.fields = who##_fields,                                                         \
		.n_fields = ARRAY_SIZE(who##_fields),                                           \
	}

SKB_LAYOUT(socket_filter, COL1, RW, NO, NO, NO, NO, NO, NO, NO);
SKB_LAYOUT(sched, COL2, RW, R, NO, R, RW, R, R, R);
SKB_LAYOUT(cgroup_skb, COL3, RW, R, R, NO, RW, NO, NO, R);
SKB_LAYOUT(lwt, COL4, RW, R, NO, NO, NO, NO, NO, NO);
SKB_LAYOUT(sk_skb, COL5, R, R, R, NO, NO, NO, NO, NO);

static const struct ctx_field flow_dissector_fields[] = {
	SKB_POINTER(data, FIELD_PACKET, R),
	SKB_POINTER(data_end, FIELD_PACKET_END, R),
	SKB_POINTER(flow_keys, FIELD_FLOW_KEYS, R),
};
const struct ctx_layout layout_flow_dissector = {
	.name = "__sk_buff",
	.size = sizeof(struct __sk_buff),
	.fields = flow_dissector_fields,
	.n_fields = ARRAY_SIZE(flow_dissector_fields),
};

#define XDP_POINTER(field, kind) POINTER(struct xdp_md, field, struct xdp_run_ctx, field, kind, R)
static const struct ctx_field xdp_fields[] = {
	XDP_POINTER(data, FIELD_PACKET),           XDP_POINTER(data_end, FIELD_PACKET_END),
	XDP_POINTER(data_meta, FIELD_PACKET_META), NUMBER(struct xdp_md, ingress_ifindex, R),
	NUMBER(struct xdp_md, rx_queue_index, R),
	/* known only where a devmap sends the packet on */
	NUMBER(struct xdp_md, egress_ifindex, R, .read_at = AT(BPF_XDP_DEVMAP)),
};
const struct ctx_layout layout_xdp = {
	.name = "xdp_md",
	.size = sizeof(struct xdp_md),
	.fields = xdp_fields,
	.n_fields = ARRAY_SIZE(xdp_fields),
};

/* The record of the tracing ring buffer; its first word is not the program's business. */
const struct ctx_layout layout_tracepoint = { .name = "trace_entry", .first = 8, .size = 8192 };

const struct ctx_layout layout_raw_tracepoint = { .name = "bpf_raw_tracepoint_args",
						  .size = 12 * 8 };

/* The first argument is a buffer that the program may change. Where it ends only the tracepoint
 * knows: Linux compares at attach. */
static const struct ctx_field raw_tracepoint_writable_fields[] = {
	{ .name = "args[0]", .size = 8, .run_size = 8, .kind = FIELD_TP_BUFFER, .access = R },
	{ .name = "args[1]",
	  .offset = 8,
	  .size = 11 * 8,
	  .run_offset = 8,
	  .run_size = 11 * 8,
	  .access = R | FIELD_ANY_SIZE },
};
const struct ctx_layout layout_raw_tracepoint_writable = {
	.name = "bpf_raw_tracepoint_args",
	.size = 12 * 8,
	.fields = raw_tracepoint_writable_fields,
	.n_fields = ARRAY_SIZE(raw_tracepoint_writable_fields),
};

/* struct bpf_nf_ctx. */
static const struct ctx_field netfilter_fields[] = {
	{ .name = "state",
	  .size = 8,
	  .run_size = 8,
	  .kind = FIELD_BTF_ID,
	  .access = R,
	  .btf_name = "nf_hook_state" },
	{ .name = "skb",
	  .offset = 8,
	  .size = 8,
	  .run_offset = 8,
	  .run_size = 8,
	  .kind = FIELD_BTF_ID,
	  .access = R,
	  .btf_name = "sk_buff" },
};
const struct ctx_layout layout_netfilter = {
	.name = "bpf_nf_ctx",
	.size = 16,
	.fields = netfilter_fields,
	.n_fields = ARRAY_SIZE(netfilter_fields),
};

const struct ctx_layout layout_pt_regs = { .name = "pt_regs", .size = CTX_PT_REGS_SIZE };

/* The caller's buffer: PROG_TEST_RUN's ctx_in. */
const struct ctx_layout layout_syscall = { .size = 65535, .writable_size = 65535 };

static const struct ctx_field perf_event_fields[] = {
	{ .name = "regs",
	  .size = CTX_PT_REGS_SIZE,
	  .run_size = CTX_PT_REGS_SIZE,
	  .unit = 8,
	  .kind = FIELD_SCALAR,
	  .access = R },
	{ .name = "sample_period",
	  .offset = CTX_PT_REGS_SIZE,
	  .size = 8,
	  .run_offset = CTX_PT_REGS_SIZE,
	  .run_size = 8,
	  .access = R | FIELD_NARROW },
	{ .name = "addr",
	  .offset = CTX_PT_REGS_SIZE + 8,
	  .size = 8,
	  .run_offset = CTX_PT_REGS_SIZE + 8,
	  .run_size = 8,
	  .access = R | FIELD_NARROW },
};
const struct ctx_layout layout_perf_event = {
	.name = "bpf_perf_event_data",
	.size = CTX_PT_REGS_SIZE + 16,
	.fields = perf_event_fields,
	.n_fields = ARRAY_SIZE(perf_event_fields),
};

#define DEVICE(field, rights) NUMBER(struct bpf_cgroup_dev_ctx, field, rights)
static const struct ctx_field cgroup_device_fields[] = {
	DEVICE(access_type, N(R)),
	DEVICE(major, R),
	DEVICE(minor, R),
};
const struct ctx_layout layout_cgroup_device = {
	.name = "bpf_cgroup_dev_ctx",
	.size = sizeof(struct bpf_cgroup_dev_ctx),
	.fields = cgroup_device_fields,
	.n_fields = ARRAY_SIZE(cgroup_device_fields),
};

static const struct ctx_field sysctl_fields[] = {
	NUMBER(struct bpf_sysctl, write, N(R)),
	NUMBER(struct bpf_sysctl, file_pos, N(RW)),
};
const struct ctx_layout layout_sysctl = {
	.name = "bpf_sysctl",
	.size = sizeof(struct bpf_sysctl),
	.fields = sysctl_fields,
	.n_fields = ARRAY_SIZE(sysctl_fields),
};

/* A pointer to one u32 sample. */
const struct ctx_layout layout_lirc_mode2 = { .size = 4 };
