/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's BTF has the types of <linux/bpf.h> too, because the kernel itself uses them; so a
 * vmlinux.h is all that a program needs before <bpf/bpf_helpers.h>. Here they are for the
 * presented kernel: contexts from the tables of layouts.c, constants from the header.
 */
#include "model/uapi.h"

#include <linux/bpf.h>

#include "model/layouts.h"
#include "model/uapi_enums.h"

/* typedef, the number it stands for */
#define TYPEDEFS(X)                       \
	X("__u8", UCHAR)                  \
	X("__u16", USHORT)                \
	X("__u32", UINT)                  \
	X("__u64", ULLONG)                \
	X("__s16", SHORT)                 \
	X("__s32", INT)                   \
	X("s16", SHORT)                   \
	X("s32", INT)                     \
	X("bool", BOOL)                   \
	X("size_t", ULONG)                \
	X("ssize_t", LONG)                \
	X("uintptr_t", ULONG)             \
	X("__le16", USHORT)               \
	X("__le32", UINT)                 \
	X("__le64", ULLONG)               \
	X("__be64", ULLONG)               \
	X("__sum16", USHORT)              \
	X("__wsum", UINT)                 \
	X("sa_family_t", USHORT)          \
	X("__kernel_sa_family_t", USHORT) \
	X("time64_t", LONG)

/* Others that Linux's BTF has, from other headers: FIRST and EACH as in uapi_enums.h. */
/* clang-format off */
#define OTHER_ENUMS(FIRST, EACH)                                                                 \
	FIRST(NULL) EACH("false", 0) EACH("true", 1)                                             \
	FIRST(NULL)                                                                              \
	EACH("IPPROTO_IP", 0) EACH("IPPROTO_ICMP", 1) EACH("IPPROTO_IGMP", 2)                    \
	EACH("IPPROTO_IPIP", 4) EACH("IPPROTO_TCP", 6) EACH("IPPROTO_UDP", 17)                   \
	EACH("IPPROTO_IPV6", 41) EACH("IPPROTO_GRE", 47) EACH("IPPROTO_ESP", 50)                 \
	EACH("IPPROTO_AH", 51) EACH("IPPROTO_SCTP", 132) EACH("IPPROTO_UDPLITE", 136)            \
	EACH("IPPROTO_RAW", 255)                                                                 \
	FIRST(NULL)                                                                              \
	EACH("TCP_ESTABLISHED", 1) EACH("TCP_SYN_SENT", 2) EACH("TCP_SYN_RECV", 3)               \
	EACH("TCP_FIN_WAIT1", 4) EACH("TCP_FIN_WAIT2", 5) EACH("TCP_TIME_WAIT", 6)               \
	EACH("TCP_CLOSE", 7) EACH("TCP_CLOSE_WAIT", 8) EACH("TCP_LAST_ACK", 9)                   \
	EACH("TCP_LISTEN", 10) EACH("TCP_CLOSING", 11) EACH("TCP_NEW_SYN_RECV", 12)              \
	FIRST("sock_type")                                                                       \
	EACH("SOCK_STREAM", 1) EACH("SOCK_DGRAM", 2) EACH("SOCK_RAW", 3) EACH("SOCK_RDM", 4)     \
	EACH("SOCK_SEQPACKET", 5) EACH("SOCK_DCCP", 6) EACH("SOCK_PACKET", 10)
/* clang-format on */

#define ENUM(name)            btf_add_enum(b, name, 4, false);
#define NAMED(name)           btf_add_enumerator(b, #name, (u32)(name));
#define NUMBERED(name, value) btf_add_enumerator(b, name, value);

static void add_constants(struct btf_builder *b)
{
	UAPI_ENUMS(ENUM, NAMED)
	OTHER_ENUMS(ENUM, NUMBERED)
}

struct field_ids {
	u32 word, wide, pointer, bytes[4]; /* u32, u64, void *, u8 u16 */
	u32 words[8];                      /* u32[n] */
};

static u32 field_type(const struct field_ids *ids, const struct ctx_field *field)
{
	if (field->size == 8)
		return field->kind == FIELD_SCALAR ? ids->wide : ids->pointer;
	if (field->size > 4 && field->size % 4 == 0 && field->size / 4 < ARRAY_SIZE(ids->words))
		return ids->words[field->size / 4];
	return field->size == 4 ? ids->word : ids->bytes[field->size & 3];
}

static void add_context(struct btf_builder *b, const struct field_ids *ids,
			const struct ctx_layout *layout)
{
	btf_add_struct(b, layout->name, layout->size, false);
	for (u32 i = 0; i < layout->n_fields; i++)
		btf_add_member(b, layout->fields[i].name, field_type(ids, &layout->fields[i]),
			       layout->fields[i].offset * 8, 0);
}

static void add_contexts(struct btf_builder *b, const u32 *number)
{
	static const struct ctx_layout *const layouts[] = {
		&layout_sched,     &layout_xdp,           &layout_bpf_sock,
		&layout_sock_addr, &layout_cgroup_device, &layout_sysctl,
	};
	struct field_ids ids = { .word = number[KERNEL_NUMBER_UINT],
				 .wide = number[KERNEL_NUMBER_ULLONG] };

	ids.pointer = btf_add_ptr(b, 0);
	ids.bytes[1] = number[KERNEL_NUMBER_UCHAR];
	ids.bytes[2] = number[KERNEL_NUMBER_USHORT];
	for (u32 n = 1; n < ARRAY_SIZE(ids.words); n++)
		ids.words[n] = btf_add_array(b, ids.word, ids.word, n);
	for (u32 i = 0; i < ARRAY_SIZE(layouts); i++)
		add_context(b, &ids, layouts[i]);
}

void uapi_add(struct btf_builder *b, const u32 number[KERNEL_NUMBER_COUNT],
	      const u32 presented[KERNEL_STRUCT_COUNT])
{
	u32 signed_char = btf_add_int(b, "signed char", 1, BTF_INT_SIGNED);
	u32 llong = btf_add_int(b, "long long int", 8, BTF_INT_SIGNED);

	btf_add_typedef(b, "__s8", signed_char);
	btf_add_typedef(b, "s8", signed_char);
	btf_add_typedef(b, "__s64", llong);
	btf_add_typedef(b, "s64", llong);
#define X(name, word) btf_add_typedef(b, name, number[KERNEL_NUMBER_##word]);
	TYPEDEFS(X)
#undef X
	add_constants(b);
	add_contexts(b, number);
	uapi_add_structs(b, number, presented);
}
