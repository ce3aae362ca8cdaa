/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads, stores and atomics: whether the memory a pointer leads to may be touched there,
 * and what a load yields. One rule for all regions: the smallest and the largest offset
 * that the bounds allow must both lie inside.
 */
#include "verifier/step.h"

#define MAX_VAR_OFF (1LL << 29)

static const struct map_facts *map_of(const struct env *env, const struct reg *ptr)
{
	return env->maps.data[ptr->map].facts;
}

/* "invalid access to ..." in Linux's words for the kind of region. */
static int refuse_region(struct env *env, const struct reg *ptr, u32 regno, s64 off, s64 size,
			 u64 region)
{
	switch (ptr->kind) {
	case REG_MAP_KEY:
		return refuse(env, -EACCES, "out-of-bounds",
			      "invalid access to map key, key_size=%llu off=%lld size=%lld",
			      (unsigned long long)region, (long long)off, (long long)size);
	case REG_MAP_VALUE:
		return refuse(env, -EACCES, "out-of-bounds",
			      "invalid access to map value, value_size=%llu off=%lld size=%lld",
			      (unsigned long long)region, (long long)off, (long long)size);
	case REG_PACKET:
	case REG_PACKET_META:
		return refuse(env, -EACCES, "packet-bounds",
			      "invalid access to packet, off=%lld size=%lld, R%u(id=%u,off=%lld,r=%llu)",
			      (long long)off, (long long)size, regno, ptr->id, (long long)off,
			      (unsigned long long)region);
	default:
		return refuse(env, -EACCES, "out-of-bounds",
			      "invalid access to memory, mem_size=%llu off=%lld size=%lld",
			      (unsigned long long)region, (long long)off, (long long)size);
	}
}

static int check_region(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
			u64 region, bool zero_size_ok)
{
	bool size_ok = size > 0 || (size == 0 && zero_size_ok);

	if (off >= 0 && size_ok && (u64)off + (u64)size <= region)
		return 0;
	return refuse_region(env, ptr, regno, off, size, region);
}

int check_mem_bounds(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
		     u64 region, bool zero_size_ok)
{
	s64 base = (s64)ptr->off + off;
	int err;

	if (ptr->val.smin < 0 &&
	    (ptr->val.smin == INT64_MIN || base + ptr->val.smin != (s32)(base + ptr->val.smin) ||
	     base + ptr->val.smin < 0))
		return refuse(env, -EACCES, "negative-offset",
			      "R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			      regno);
	err = check_region(env, regno, ptr, base + ptr->val.smin, size, region, zero_size_ok);
	if (err) {
		refuse_more(env, "R%u min value is outside of the allowed memory range", regno);
		return err;
	}
	/* Here the whole sum is not negative; an index without a bound above ends here. */
	if (ptr->val.umax >= (u64)MAX_VAR_OFF)
		return refuse(env, -EACCES, "unbounded-access",
			      "R%u unbounded memory access, make sure to bounds check any such access",
			      regno);
	err = check_region(env, regno, ptr, base + ptr->val.smax, size, region, zero_size_ok);
	if (err)
		refuse_more(env, "R%u max value is outside of the allowed memory range", regno);
	return err;
}

int check_map_value_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
			   bool zero_size_ok, enum access access)
{
	const struct map_facts *facts = map_of(env, ptr);
	s64 base = (s64)ptr->off + off;
	int err;

	if (((access & ACCESS_READ) && (facts->flags & BPF_F_WRONLY_PROG)) ||
	    ((access & ACCESS_WRITE) && (facts->flags & BPF_F_RDONLY_PROG)))
		return refuse(env, -EACCES, "map-access-mode",
			      "%s map forbidden, value_size=%u off=%lld size=%lld",
			      access & ACCESS_WRITE ? "write into" : "read from",
			      facts->value_size, (long long)base, (long long)size);
	err = check_mem_bounds(env, regno, ptr, off, size, facts->value_size, zero_size_ok);
	if (err)
		return err;
	return check_fields_touched(env, ptr, base, size, access);
}

int check_packet_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size,
			bool zero_size_ok)
{
	s64 base = (s64)ptr->off + off;
	int err;

	/* range counts from the base, which includes the variable part: that one may not be negative. */
	if (ptr->val.smin < 0)
		return refuse(env, -EACCES, "negative-offset",
			      "R%u min value is negative, either use unsigned index or do a if (index >=0) check.",
			      regno);
	err = check_region(env, regno, ptr, base, size, ptr->range, zero_size_ok);
	if (err)
		refuse_more(env, "R%u offset is outside of the packet", regno);
	return err;
}

int check_pointer_off(struct env *env, u32 regno, const struct reg *ptr)
{
	char name[REG_NAME_SIZE];

	if (!reg_has_fixed_off(ptr))
		return refuse(env, -EACCES, "variable-offset",
			      "variable %s access var_off=[%lld,%lld] disallowed",
			      reg_name(env, ptr, name), (long long)ptr->val.smin,
			      (long long)ptr->val.smax);
	if (ptr->off < 0)
		return refuse(env, -EACCES, "modified-pointer",
			      "negative offset %s ptr R%u off=%d disallowed",
			      reg_name(env, ptr, name), regno, ptr->off);
	if (ptr->off)
		return refuse(env, -EACCES, "modified-pointer",
			      "dereference of modified %s ptr R%u off=%d disallowed",
			      reg_name(env, ptr, name), regno, ptr->off);
	return 0;
}

/* ---- alignment ---- */

/*
 * Linux on x86 lets packet and map accesses be unaligned. The stack must be aligned, for
 * slots are tracked; atomics must, for they have to be atomic; all with the strict flag.
 */
int check_alignment(struct env *env, const struct reg *ptr, s64 off, u32 size, bool strict)
{
	struct tnum at = tnum_add(ptr->val.bits, tnum_const((u64)((s64)ptr->off + off)));
	const char *what = ptr->kind == REG_STACK       ? "stack "
			   : ptr->kind == REG_MAP_VALUE ? "value "
			   : ptr->kind == REG_CTX       ? "context "
			   : reg_is_packet(ptr)         ? "packet "
							: "";

	if (!strict && !env->strict_alignment && ptr->kind != REG_STACK)
		return 0;
	/* Linux's NET_IP_ALIGN is 0 on x86 but strict checking assumes 2: packets start there. */
	if (reg_is_packet(ptr) && env->strict_alignment)
		at = tnum_add(at, tnum_const(2));
	if (!((at.value | at.mask) & (size - 1)))
		return 0;
	return refuse(env, -EACCES, "misaligned", "misaligned %saccess off (0x%llx; 0x%llx)+%d+%lld size %u",
		      what, (unsigned long long)ptr->val.bits.value,
		      (unsigned long long)ptr->val.bits.mask, ptr->off, (long long)off, size);
}

/* ---- one access ---- */

struct mem_op {
	u32 regno;	  /* holds the pointer */
	s64 off;
	u32 size;
	enum access access;
	const struct reg *value; /* stored; NULL: unknown data */
	u32 value_regno;
	struct reg *loaded;	 /* what a load yields */
	bool atomic;
};

/* The stored value is an address, and this memory is readable from outside. */
static int check_leak(struct env *env, const struct mem_op *op, const char *where)
{
	if (!(op->access & ACCESS_WRITE) || !op->value || !leaks_pointer(env, op->value))
		return 0;
	return refuse(env, -EACCES, "pointer-leak", "R%u leaks addr into %s", op->value_regno, where);
}

/* A frozen map that no program writes has known contents. */
static void load_constant(const struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	const struct map_facts *facts = map_of(env, ptr);
	s64 at = (s64)ptr->off + op->off;
	u64 value = 0;

	if (!facts->const_values || !(facts->flags & BPF_F_RDONLY_PROG) || !facts->frozen ||
	    !reg_has_fixed_off(ptr) || at < 0 || (u64)at + op->size > facts->const_size)
		return;
	memcpy(&value, facts->const_values + at, op->size); /* little endian */
	*op->loaded = reg_const(value);
}

static int access_map_value(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	int err = check_leak(env, op, "map");

	if (!err)
		err = check_map_value_access(env, op->regno, ptr, op->off, op->size, false,
					     op->access | ACCESS_DIRECT);
	if (!err)
		err = kptr_access(env, ptr, ptr->off + op->off, op->access, op->value_regno, op->value,
				  op->loaded);
	if (!err && op->access == ACCESS_READ && op->loaded)
		load_constant(env, ptr, op);
	return err;
}

static int access_packet(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	int err;

	if ((op->access & ACCESS_WRITE) && !env->type->packet_write)
		return refuse(env, -EACCES, "packet-readonly", "cannot write into packet");
	err = check_leak(env, op, "packet");
	return err ? err
		   : check_packet_access(env, op->regno, ptr, op->off, op->size, false);
}

static int access_mem(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	char name[REG_NAME_SIZE];
	int err;

	if ((op->access & ACCESS_WRITE) && (ptr->flags & REG_RDONLY))
		return refuse(env, -EACCES, "readonly-memory", "R%u cannot write into %s", op->regno,
			      reg_name(env, ptr, name));
	err = check_leak(env, op, "mem");
	/* Only an address is known: the load probes (fixup.c), so it may go anywhere. */
	if (!err && (ptr->flags & REG_UNTRUSTED)) {
		env->aux[env->at].probe = true;
		return 0;
	}
	return err ? err
		   : check_mem_bounds(env, op->regno, ptr, op->off, op->size, ptr->size, false);
}

static int access_map_key(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	if (op->access & ACCESS_WRITE)
		return refuse(env, -EACCES, "readonly-memory", "write to change key R%u not allowed",
			      op->regno);
	return check_mem_bounds(env, op->regno, ptr, op->off, op->size, map_of(env, ptr)->key_size,
				false);
}

static int access_stack(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	int err = 0;

	if (op->access & ACCESS_READ)
		err = stack_load(env, op->regno, ptr, op->off, op->size, op->loaded);
	if (!err && (op->access & ACCESS_WRITE))
		err = stack_store(env, op->regno, ptr, op->off, op->size, op->value);
	return err;
}

static int access_ctx(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	int err = check_leak(env, op, "ctx");

	return err ? err
		   : ctx_access(env, op->regno, ptr, op->off, op->size, op->access, op->loaded);
}

/*
 * A buffer of an iterator or of a writable tracepoint: what it belongs to is known when the
 * program is attached, and large enough then. So here it is enough that the offset is known.
 */
int check_buf_access(struct env *env, u32 regno, const struct reg *ptr, s64 off, s64 size)
{
	char name[REG_NAME_SIZE];

	if (!reg_has_fixed_off(ptr))
		return refuse(env, -EACCES, "variable-offset",
			      "R%u invalid variable buffer offset: off=%d", regno, ptr->off);
	if (ptr->off + off < 0)
		return refuse(env, -EACCES, "out-of-bounds",
			      "R%u invalid %s buffer access: off=%lld, size=%lld", regno,
			      reg_name(env, ptr, name), (long long)(ptr->off + off),
			      (long long)size);
	return 0;
}

static int access_buf(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	char name[REG_NAME_SIZE];

	if (op->access & ACCESS_WRITE && ptr->flags & REG_RDONLY)
		return refuse(env, -EACCES, "readonly-memory", "R%u cannot write into %s", op->regno,
			      reg_name(env, ptr, name));
	return check_buf_access(env, op->regno, ptr, op->off, op->size);
}

/* An object of the program's own: memory, but as Linux has it not to be mixed with other memory. */
#define KIND_OWN_OBJECT REG_KIND_COUNT

/* Accesses through these depend on the kind; of sockets only Linux's do. */
static bool is_rewritten(u32 kind)
{
	return kind == REG_CTX || kind == REG_BTF || kind == KIND_OWN_OBJECT ||
	       reg_kind_is_socket(kind);
}

static int access_flow_keys(struct env *env, const struct reg *ptr, const struct mem_op *op)
{
	int err = check_leak(env, op, "flow keys");

	return err ? err : flow_keys_access(env, ptr, op->off, op->size);
}

/* Fixups depend on the pointer's kind: one instruction cannot serve two that differ there. */
static int note_pointer(struct env *env, const struct reg *ptr)
{
	struct insn_aux *aux = &env->aux[env->at];
	u8 kind = ptr->kind;

	/* Through any of these a load probes. */
	if (kind == REG_MAP || (kind == REG_MEM && (ptr->flags & REG_UNTRUSTED)))
		kind = REG_BTF;
	else if (kind == REG_BTF && (ptr->flags & REG_OWN_TYPE) && !(ptr->flags & REG_UNTRUSTED))
		kind = KIND_OWN_OBJECT;
	if (!aux->mem_kind || aux->mem_kind == kind) {
		aux->mem_kind = kind;
		return 0;
	}
	if (!is_rewritten(kind) && !is_rewritten(aux->mem_kind))
		return 0;
	return refuse(env, -EINVAL, "mixed-pointers",
		      "same insn cannot be used with different pointers");
}

static int mem_access(struct env *env, const struct mem_op *op)
{
	struct reg ptr = *cur_reg(env, op->regno);
	char name[REG_NAME_SIZE];
	int err;

	err = check_alignment(env, &ptr, op->off, op->size, op->atomic);
	if (err && reg_is_pointer(&ptr) && !(ptr.flags & REG_MAYBE_NULL))
		return err;
	if (op->loaded) {
		*op->loaded = reg_unknown();
		op->loaded->val = scalar_load(op->size * 8, false);
	}
	if (ptr.flags & REG_MAYBE_NULL)
		goto invalid;
	err = note_pointer(env, &ptr);
	if (err)
		return err;
	switch (ptr.kind) {
	case REG_STACK:
		return access_stack(env, &ptr, op);
	case REG_MAP_VALUE:
		return access_map_value(env, &ptr, op);
	case REG_PACKET:
	case REG_PACKET_META:
		return access_packet(env, &ptr, op);
	case REG_MEM:
		return access_mem(env, &ptr, op);
	case REG_BUF:
	case REG_TP_BUFFER:
		return access_buf(env, &ptr, op);
	case REG_MAP_KEY:
		return access_map_key(env, &ptr, op);
	case REG_CTX:
		return access_ctx(env, &ptr, op);
	case REG_BTF:
		return btf_access(env, op->regno, &ptr, op->off, op->size, op->access, op->loaded);
	case REG_MAP:
		return map_access(env, op->regno, &ptr, op->off, op->size, op->access, op->loaded);
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		return socket_access(env, op->regno, &ptr, op->off, op->size, op->access);
	case REG_FLOW_KEYS:
		return access_flow_keys(env, &ptr, op);
	default:
		break;
	}
invalid:
	return refuse(env, -EACCES, ptr.flags & REG_MAYBE_NULL ? "null-check" : "invalid-access",
		      "R%u invalid mem access '%s'", op->regno, reg_name(env, &ptr, name));
}

/* ---- the instructions ---- */

static u32 access_size(const struct bpf_insn *insn)
{
	switch (BPF_SIZE(insn->code)) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	default:
		return 8;
	}
}

/* MEMSX: the loaded number, or part of it, is extended by its sign. */
static void sign_extend(struct reg *reg, u32 size)
{
	if (reg->val.umax >= 1ull << (size * 8 - 1)) {
		reg->id = 0;
		reg->off = 0;
		reg->flags = 0;
	}
	reg->val = scalar_sext(&reg->val, size * 8);
}

static int load_into(struct env *env, u32 dst, u32 src, s64 off, u32 size, bool atomic, bool extend)
{
	struct reg loaded;
	struct mem_op op = { .regno = src, .off = off, .size = size, .access = ACCESS_READ,
			     .loaded = &loaded, .atomic = atomic };
	int err;

	err = check_read(env, src);
	if (!err)
		err = check_write(env, dst);
	if (!err)
		err = mem_access(env, &op);
	if (err)
		return err;
	if (extend) {
		/* A field that is a pointer, or of another size at run time, cannot be extended. */
		if (reg_is_pointer(&loaded) || (env->aux[env->at].mem_kind == REG_CTX &&
						env->aux[env->at].ctx_size != size))
			return refuse(env, -EACCES, "invalid-ctx-access",
				      "invalid bpf_context access off=%lld size=%u", (long long)off,
				      size);
		sign_extend(&loaded, size);
	}
	set_reg(env, dst, &loaded);
	return 0;
}

int load_step(struct env *env, const struct bpf_insn *insn)
{
	return load_into(env, insn->dst_reg, insn->src_reg, insn->off, access_size(insn), false,
			 BPF_MODE(insn->code) == BPF_MEMSX);
}

static int store_from(struct env *env, const struct bpf_insn *insn, bool atomic)
{
	struct mem_op op = { .regno = insn->dst_reg, .off = insn->off, .size = access_size(insn),
			     .access = ACCESS_WRITE, .value_regno = insn->src_reg,
			     .atomic = atomic };
	struct reg value, *src;
	int err;

	err = check_read(env, insn->src_reg);
	if (!err)
		err = check_read(env, insn->dst_reg);
	if (err)
		return err;
	src = cur_reg(env, insn->src_reg);
	/* A spill and its register stay the same value. */
	if (cur_reg(env, insn->dst_reg)->kind == REG_STACK)
		link_value(env, src);
	value = *src;
	op.value = &value;
	return mem_access(env, &op);
}

int store_step(struct env *env, const struct bpf_insn *insn)
{
	struct mem_op op = { .regno = insn->dst_reg, .off = insn->off, .size = access_size(insn),
			     .access = ACCESS_WRITE };
	struct reg value;
	int err;

	if (insn_class(insn) == BPF_STX)
		return store_from(env, insn, false);
	err = check_read(env, insn->dst_reg);
	if (err)
		return err;
	/* Linux rewrites context stores through a register, and so refuses immediates there. */
	value = reg_const((u64)(s64)insn->imm);
	op.value = &value;
	return mem_access(env, &op);
}

/* ---- atomics ---- */

/*
 * Loads through these probe, and no atomic one does: it would touch the address itself. Where the
 * program only is judged, an object that certainly lives will do, as for Linux.
 */
static bool needs_probing(const struct env *env, const struct reg *ptr)
{
	if (ptr->kind == REG_MAP || (ptr->kind == REG_MEM && (ptr->flags & REG_UNTRUSTED)))
		return true;
	if (ptr->kind != REG_BTF)
		return false;
	if (ptr->flags & REG_OWN_TYPE)
		return ptr->flags & REG_UNTRUSTED;
	return !env->req->verify_only || !btf_is_trusted(ptr);
}

static int check_atomic_target(struct env *env, u32 regno, const char *what)
{
	const struct reg *ptr = cur_reg(env, regno);
	char name[REG_NAME_SIZE];

	if (needs_probing(env, ptr))
		return refuse(env, -EACCES, "atomic-target",
			      "BPF_ATOMIC %s R%u %s is not allowed", what, regno,
			      reg_name(env, ptr, name));
	switch (ptr->kind) {
	case REG_CTX:
	case REG_PACKET:
	case REG_PACKET_META:
	case REG_FLOW_KEYS:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		return refuse(env, -EACCES, "atomic-target",
			      "BPF_ATOMIC %s R%u %s is not allowed", what, regno,
			      reg_name(env, ptr, name));
	default:
		return 0;
	}
}

static int load_acquire_step(struct env *env, const struct bpf_insn *insn)
{
	int err = check_read(env, insn->src_reg);

	if (!err)
		err = check_atomic_target(env, insn->src_reg, "loads from");
	return err ? err
		   : load_into(env, insn->dst_reg, insn->src_reg, insn->off, access_size(insn),
			       true, false);
}

static int store_release_step(struct env *env, const struct bpf_insn *insn)
{
	int err = check_read(env, insn->dst_reg);

	if (!err)
		err = check_atomic_target(env, insn->dst_reg, "stores into");
	return err ? err : store_from(env, insn, true);
}

/* Operands of a read-modify-write: numbers, unless addresses may be told. */
static int check_rmw_operands(struct env *env, const struct bpf_insn *insn)
{
	int err = check_read(env, insn->src_reg);

	if (!err)
		err = check_read(env, insn->dst_reg);
	if (!err && insn->imm == BPF_CMPXCHG)
		err = check_read(env, 0);
	if (err)
		return err;
	if (insn->imm == BPF_CMPXCHG && leaks_pointer(env, cur_reg(env, 0)))
		return refuse(env, -EACCES, "pointer-leak", "R0 leaks addr into mem");
	if (leaks_pointer(env, cur_reg(env, insn->src_reg)))
		return refuse(env, -EACCES, "pointer-leak", "R%u leaks addr into mem",
			      insn->src_reg);
	return check_atomic_target(env, insn->dst_reg, "stores into");
}

int atomic_step(struct env *env, const struct bpf_insn *insn)
{
	struct reg old;
	struct mem_op op = { .regno = insn->dst_reg, .off = insn->off, .size = access_size(insn),
			     .access = ACCESS_READ | ACCESS_WRITE, .loaded = &old, .atomic = true };
	u32 fetched = insn->imm == BPF_CMPXCHG ? 0 : insn->src_reg;
	int err;

	if (insn->imm == BPF_LOAD_ACQ)
		return load_acquire_step(env, insn);
	if (insn->imm == BPF_STORE_REL)
		return store_release_step(env, insn);
	err = check_rmw_operands(env, insn);
	if (!err && (insn->imm & BPF_FETCH))
		err = check_write(env, fetched);
	if (!err)
		err = mem_access(env, &op);
	if (err)
		return err;
	if (!(insn->imm & BPF_FETCH)) {
		/* The sum of a spilled pointer and a number would be plain data. */
		if (leaks_pointer(env, &old))
			return refuse(env, -EACCES, "pointer-leak",
				      "leaking pointer from stack off %d", insn->off);
		return 0;
	}
	/* The old value comes back as a load would bring it, a spilled pointer as that pointer. */
	set_reg(env, fetched, &old);
	return 0;
}
