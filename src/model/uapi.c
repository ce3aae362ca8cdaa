/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux's BTF has the types of <linux/bpf.h> too, because the kernel itself uses them; so a
 * vmlinux.h is all that a program needs before <bpf/bpf_helpers.h>. Here they are for the
 * presented kernel: contexts from the tables of layouts.c, constants from the header.
 */
#include "model/uapi.h"

#include <linux/bpf.h>

#include "model/layouts.h"

/* typedef, the number it stands for */
#define TYPEDEFS(X)           \
	X("__u8", UCHAR)      \
	X("__u16", USHORT)    \
	X("__u32", UINT)      \
	X("__u64", ULLONG)    \
	X("__s16", SHORT)     \
	X("__s32", INT)       \
	X("s16", SHORT)       \
	X("s32", INT)         \
	X("bool", BOOL)       \
	X("size_t", ULONG)    \
	X("ssize_t", LONG)    \
	X("uintptr_t", ULONG) \
	X("__le16", USHORT)   \
	X("__le32", UINT)     \
	X("__le64", ULLONG)   \
	X("__be64", ULLONG)   \
	X("__sum16", USHORT)  \
	X("__wsum", UINT)

/* Constants by the anonymous enums they are grouped in. */
#define ELEMENT_FLAGS(X) X(BPF_ANY) X(BPF_NOEXIST) X(BPF_EXIST) X(BPF_F_LOCK)
#define MAP_FLAGS(X)            \
	X(BPF_F_NO_PREALLOC)    \
	X(BPF_F_NO_COMMON_LRU)  \
	X(BPF_F_NUMA_NODE)      \
	X(BPF_F_RDONLY)         \
	X(BPF_F_WRONLY)         \
	X(BPF_F_STACK_BUILD_ID) \
	X(BPF_F_ZERO_SEED)      \
	X(BPF_F_RDONLY_PROG)    \
	X(BPF_F_WRONLY_PROG)    \
	X(BPF_F_CLONE)          \
	X(BPF_F_MMAPABLE)       \
	X(BPF_F_PRESERVE_ELEMS) \
	X(BPF_F_INNER_MAP)
#define RINGBUF_FLAGS(X) X(BPF_RB_NO_WAKEUP) X(BPF_RB_FORCE_WAKEUP)
#define RINGBUF_QUERIES(X) \
	X(BPF_RB_AVAIL_DATA) X(BPF_RB_RING_SIZE) X(BPF_RB_CONS_POS) X(BPF_RB_PROD_POS)
#define STACK_FLAGS(X)           \
	X(BPF_F_SKIP_FIELD_MASK) \
	X(BPF_F_USER_STACK)      \
	X(BPF_F_FAST_STACK_CMP)  \
	X(BPF_F_REUSE_STACKID)   \
	X(BPF_F_USER_BUILD_ID)
#define INDEX_FLAGS(X) X(BPF_F_INDEX_MASK) X(BPF_F_CURRENT_CPU)
#define PACKET_FLAGS(X)          \
	X(BPF_F_RECOMPUTE_CSUM)  \
	X(BPF_F_INVALIDATE_HASH) \
	X(BPF_F_HDR_FIELD_MASK)  \
	X(BPF_F_PSEUDO_HDR)      \
	X(BPF_F_MARK_MANGLED_0)  \
	X(BPF_F_MARK_ENFORCE)
#define TC_RESULTS(X)  X(BPF_OK) X(BPF_DROP) X(BPF_REDIRECT)
#define XDP_ACTIONS(X) X(XDP_ABORTED) X(XDP_DROP) X(XDP_PASS) X(XDP_TX) X(XDP_REDIRECT)

#define ENUMERATOR(name) btf_add_enumerator(b, #name, name);
#define ENUM(name, LIST)                 \
	btf_add_enum(b, name, 4, false); \
	LIST(ENUMERATOR)

static void add_constants(struct btf_builder *b)
{
	btf_add_enum(b, NULL, 4, false);
	btf_add_enumerator(b, "false", 0);
	btf_add_enumerator(b, "true", 1);
	ENUM(NULL, ELEMENT_FLAGS)
	ENUM(NULL, MAP_FLAGS)
	ENUM(NULL, RINGBUF_FLAGS)
	ENUM(NULL, RINGBUF_QUERIES)
	ENUM(NULL, STACK_FLAGS)
	ENUM(NULL, INDEX_FLAGS)
	ENUM(NULL, PACKET_FLAGS)
	ENUM("bpf_ret_code", TC_RESULTS)
	ENUM("xdp_action", XDP_ACTIONS)
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

void uapi_add(struct btf_builder *b, const u32 number[KERNEL_NUMBER_COUNT])
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
}
