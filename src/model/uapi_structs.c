/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structs that programs use and whose layout is Linux's for ever: headers of packets, socket
 * addresses, what maps hold and helpers fill. Members are placed as the BPF ABI of a little-
 * endian machine places them, whatever the host is; tests/cli/bpf/alone/sizes.bpf.c asserts the
 * sizes that Linux has.
 */
#include "model/uapi.h"

struct uapi_member {
	const char *name; /* "": an anonymous member */
	u8 kind;          /* enum member_kind */
	u8 type;          /* enum kernel_number or kernel_struct, or place in structs[] */
	u16 n;            /* of an array; 0: none */
	u8 bits;          /* of a bit-field; 0: none */
};

enum member_kind { OF_NUMBER, OF_PRESENTED, OF_UAPI, OF_POINTER };

#define NUM(word, field)                                      \
	{                                                     \
#field, OF_NUMBER, KERNEL_NUMBER_##word, 0, 0 \
	}
#define NUMS(word, field, count)                                  \
	{                                                         \
#field, OF_NUMBER, KERNEL_NUMBER_##word, count, 0 \
	}
#define BITS(word, field, width)                                  \
	{                                                         \
#field, OF_NUMBER, KERNEL_NUMBER_##word, 0, width \
	}
#define PRESENTED(tag, field)                                   \
	{                                                       \
#field, OF_PRESENTED, KERNEL_STRUCT_##tag, 0, 0 \
	}
#define UAPI(tag, field)                         \
	{                                        \
		field, OF_UAPI, UAPI_##tag, 0, 0 \
	}
#define POINTER(field)                      \
	{                                   \
#field, OF_POINTER, 0, 0, 0 \
	}

/* clang-format off */
/* What is inside another comes before it. ANONYMOUS has no tag, UNION neither. */
#define UAPI_STRUCTS(STRUCT, ANONYMOUS, UNION)                                                   \
	STRUCT(bpf_spin_lock, NUM(U32, val))                                                     \
	STRUCT(bpf_res_spin_lock, NUM(U32, val))                                                 \
	STRUCT(bpf_timer, NUMS(U64, __opaque, 2))                                                \
	STRUCT(bpf_wq, NUMS(U64, __opaque, 2))                                                   \
	STRUCT(bpf_task_work, NUMS(U64, __opaque, 1))                                            \
	STRUCT(bpf_dynptr, NUMS(U64, __opaque, 2))                                               \
	STRUCT(bpf_iter_num, NUMS(U64, __opaque, 1))                                             \
	STRUCT(bpf_iter_bits, NUMS(U64, __opaque, 2))                                            \
	STRUCT(bpf_list_head, NUMS(U64, __opaque, 2))                                            \
	STRUCT(bpf_list_node, NUMS(U64, __opaque, 3))                                            \
	STRUCT(bpf_rb_root, NUMS(U64, __opaque, 2))                                              \
	STRUCT(bpf_rb_node, NUMS(U64, __opaque, 4))                                              \
	STRUCT(bpf_perf_event_data, PRESENTED(pt_regs, regs), NUM(U64, sample_period),           \
	       NUM(U64, addr))                                                                   \
	STRUCT(bpf_perf_event_value, NUM(U64, counter), NUM(U64, enabled), NUM(U64, running))    \
	STRUCT(bpf_pidns_info, NUM(U32, pid), NUM(U32, tgid))                                    \
	STRUCT(bpf_lpm_trie_key_hdr, NUM(U32, prefixlen))                                        \
	STRUCT(bpf_redir_neigh, NUM(U32, nh_family), NUMS(U32, ipv6_nh, 4))                      \
	ANONYMOUS(tuple4, NUM(BE32, saddr), NUM(BE32, daddr), NUM(BE16, sport), NUM(BE16, dport))\
	ANONYMOUS(tuple6, NUMS(BE32, saddr, 4), NUMS(BE32, daddr, 4), NUM(BE16, sport),          \
		  NUM(BE16, dport))                                                              \
	UNION(tuples, UAPI(tuple4, "ipv4"), UAPI(tuple6, "ipv6"))                                \
	STRUCT(bpf_sock_tuple, UAPI(tuples, ""))                                                 \
	STRUCT(bpf_tcp_sock, NUM(U32, snd_cwnd), NUM(U32, srtt_us), NUM(U32, rtt_min),           \
	       NUM(U32, snd_ssthresh), NUM(U32, rcv_nxt), NUM(U32, snd_nxt), NUM(U32, snd_una),  \
	       NUM(U32, mss_cache), NUM(U32, ecn_flags), NUM(U32, rate_delivered),               \
	       NUM(U32, rate_interval_us), NUM(U32, packets_out), NUM(U32, retrans_out),         \
	       NUM(U32, total_retrans), NUM(U32, segs_in), NUM(U32, data_segs_in),               \
	       NUM(U32, segs_out), NUM(U32, data_segs_out), NUM(U32, lost_out),                  \
	       NUM(U32, sacked_out), NUM(U64, bytes_received), NUM(U64, bytes_acked),            \
	       NUM(U32, dsack_dups), NUM(U32, delivered), NUM(U32, delivered_ce),                \
	       NUM(U32, icsk_retransmits))                                                       \
	STRUCT(ethhdr, NUMS(UCHAR, h_dest, 6), NUMS(UCHAR, h_source, 6), NUM(BE16, h_proto))     \
	STRUCT(vlan_hdr, NUM(BE16, h_vlan_TCI), NUM(BE16, h_vlan_encapsulated_proto))            \
	STRUCT(iphdr, BITS(U8, ihl, 4), BITS(U8, version, 4), NUM(U8, tos), NUM(BE16, tot_len),  \
	       NUM(BE16, id), NUM(BE16, frag_off), NUM(U8, ttl), NUM(U8, protocol),              \
	       NUM(U16, check), NUM(BE32, saddr), NUM(BE32, daddr))                              \
	STRUCT(ipv6hdr, BITS(U8, priority, 4), BITS(U8, version, 4), NUMS(U8, flow_lbl, 3),      \
	       NUM(BE16, payload_len), NUM(U8, nexthdr), NUM(U8, hop_limit),                     \
	       PRESENTED(in6_addr, saddr), PRESENTED(in6_addr, daddr))                           \
	STRUCT(tcphdr, NUM(BE16, source), NUM(BE16, dest), NUM(BE32, seq), NUM(BE32, ack_seq),   \
	       BITS(U16, res1, 4), BITS(U16, doff, 4), BITS(U16, fin, 1), BITS(U16, syn, 1),     \
	       BITS(U16, rst, 1), BITS(U16, psh, 1), BITS(U16, ack, 1), BITS(U16, urg, 1),       \
	       BITS(U16, ece, 1), BITS(U16, cwr, 1), NUM(BE16, window), NUM(U16, check),         \
	       NUM(BE16, urg_ptr))                                                               \
	STRUCT(udphdr, NUM(BE16, source), NUM(BE16, dest), NUM(BE16, len), NUM(U16, check))      \
	STRUCT(icmphdr, NUM(U8, type), NUM(U8, code), NUM(U16, checksum), NUM(BE32, un))         \
	STRUCT(in_addr, NUM(BE32, s_addr))                                                       \
	STRUCT(sockaddr, NUM(USHORT, sa_family), NUMS(CHAR, sa_data, 14))                        \
	STRUCT(sockaddr_in, NUM(USHORT, sin_family), NUM(BE16, sin_port),                        \
	       UAPI(in_addr, "sin_addr"), NUMS(UCHAR, __pad, 8))                                 \
	STRUCT(sockaddr_in6, NUM(USHORT, sin6_family), NUM(BE16, sin6_port),                     \
	       NUM(BE32, sin6_flowinfo), PRESENTED(in6_addr, sin6_addr), NUM(U32, sin6_scope_id))\
	STRUCT(sockaddr_un, NUM(USHORT, sun_family), NUMS(CHAR, sun_path, 108))                  \
	STRUCT(timespec, NUM(LONG, tv_sec), NUM(LONG, tv_nsec))                                  \
	STRUCT(timespec64, NUM(LONG, tv_sec), NUM(LONG, tv_nsec))                                \
	STRUCT(iovec, POINTER(iov_base), NUM(ULONG, iov_len))                                    \
	STRUCT(open_how, NUM(U64, flags), NUM(U64, mode), NUM(U64, resolve))
/* clang-format on */

enum uapi_struct_id {
#define X(tag, ...) UAPI_##tag,
	UAPI_STRUCTS(X, X, X)
#undef X
	    UAPI_STRUCT_COUNT
};

#define MEMBERS(tag, ...) static const struct uapi_member members_##tag[] = { __VA_ARGS__ };
UAPI_STRUCTS(MEMBERS, MEMBERS, MEMBERS)

static const struct uapi_struct {
	const char *tag;
	const struct uapi_member *members;
	u32 n;
	bool is_union;
} structs[] = {
#define TAGGED(tag, ...) { #tag, members_##tag, ARRAY_SIZE(members_##tag), false },
#define BARE(tag, ...)   { NULL, members_##tag, ARRAY_SIZE(members_##tag), false },
#define UNITED(tag, ...) { NULL, members_##tag, ARRAY_SIZE(members_##tag), true },
	UAPI_STRUCTS(TAGGED, BARE, UNITED)
};

struct placer {
	struct btf_builder *b;
	const u32 *number, *presented;
	u32 id[UAPI_STRUCT_COUNT], size[UAPI_STRUCT_COUNT], align[UAPI_STRUCT_COUNT];
	u32 pointer;
};

/* Where members go: offsets in bits. */
struct cursor {
	u32 at, end, align;
};

static void measure(const struct placer *p, const struct uapi_member *m, u32 *size, u32 *align)
{
	static const u8 sizes[] = {
#define X(word, ctype, ...) sizeof(ctype),
		KERNEL_NUMBERS(X)
#undef X
	};

	*size = *align = 8;
	if (m->kind == OF_NUMBER) {
		*size = *align = sizes[m->type];
	} else if (m->kind == OF_UAPI) {
		*size = p->size[m->type];
		*align = p->align[m->type];
	} else if (m->kind == OF_PRESENTED) {
		*size = kernel_struct_desc(m->type)->size;
		*align = *size % 8 || m->type == KERNEL_STRUCT_in6_addr ? 4 : 8;
	}
}

/* The bit offset of the next member. */
static u32 place(const struct placer *p, struct cursor *c, const struct uapi_struct *s,
		 const struct uapi_member *m)
{
	u32 size, align, bits, offset;

	measure(p, m, &size, &align);
	bits = m->bits ? m->bits : size * 8 * (m->n ? m->n : 1);
	if (s->is_union)
		c->at = 0;
	else if (!m->bits)
		c->at = (c->at + align * 8 - 1) / (align * 8) * (align * 8);
	offset = c->at;
	c->at += bits;
	if (c->at > c->end)
		c->end = c->at;
	if (align > c->align)
		c->align = align;
	return offset;
}

static u32 type_of(struct placer *p, const struct uapi_member *m)
{
	u32 type = m->kind == OF_NUMBER      ? p->number[m->type]
		   : m->kind == OF_PRESENTED ? p->presented[m->type]
		   : m->kind == OF_UAPI      ? p->id[m->type]
					     : p->pointer;

	return m->n ? (u32)btf_add_array(p->b, type, p->number[KERNEL_NUMBER_UINT], m->n) : type;
}

#define MOST_MEMBERS 32

static void add_struct(struct placer *p, u32 which)
{
	const struct uapi_struct *s = &structs[which];
	struct cursor c = { .align = 1 };
	u32 offsets[MOST_MEMBERS], types[MOST_MEMBERS];

	for (u32 i = 0; i < s->n; i++) {
		offsets[i] = place(p, &c, s, &s->members[i]);
		types[i] = type_of(p, &s->members[i]);
	}
	p->align[which] = c.align;
	p->size[which] = (c.end / 8 + c.align - 1) / c.align * c.align;
	p->id[which] = btf_add_struct(p->b, s->tag, p->size[which], s->is_union);
	for (u32 i = 0; i < s->n; i++)
		btf_add_member(p->b, s->members[i].name[0] ? s->members[i].name : NULL, types[i],
			       offsets[i], s->members[i].bits);
}

#define X(tag, ...) _Static_assert(ARRAY_SIZE(members_##tag) <= MOST_MEMBERS, "members of " #tag);
UAPI_STRUCTS(X, X, X)
#undef X

void uapi_add_structs(struct btf_builder *b, const u32 number[KERNEL_NUMBER_COUNT],
		      const u32 presented[KERNEL_STRUCT_COUNT])
{
	struct placer p = { .b = b, .number = number, .presented = presented };

	p.pointer = btf_add_ptr(b, 0);
	for (u32 i = 0; i < UAPI_STRUCT_COUNT; i++)
		add_struct(&p, i);
}
