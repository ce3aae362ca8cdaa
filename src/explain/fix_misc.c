/* SPDX-License-Identifier: Apache-2.0 */
/* Values that were never set, licences, reads of kernel memory, loops, and what only words help. */
#include "base/str.h"
#include "btf/btf.h"
#include "explain/fixer.h"

/* ---- values that were never set ---- */

/* Behind the last call that took the register away, or at the beginning of the function. */
void fix_unset(struct fixer *f)
{
	struct code code = { .n = 0 };
	u32 reg = f->value.at, at, start;
	const struct path_func *func = path_func(f->path, f->at);

	if (!f->has_value || reg >= 10)
		return;
	start = func ? func->start : 0;
	at = start;
	for (u32 step = f->last; step-- > 0 && reg <= 5;) {
		u32 insn = f->path->steps.data[step].insn;

		if (insn_is_call(&f->request->insns[insn]) &&
		    f->path->steps.data[step].depth == f->depth) {
			at = insn + 1;
			break;
		}
	}
	put_mov_imm(&code, reg, 0);
	propose_before(f, at, &code, at == start ? EDIT_ALL : EDIT_FALL_THROUGH, f->at,
		       reg == 0 && insn_is_exit(f->insn) ? "return a value on every path"
							 : "give the variable a value first",
		       "%s", reg == 0 && insn_is_exit(f->insn) ? "return 0;" : "int x = 0;");
}

/* "invalid read from stack R2 off -16+4 size 8" */
static bool stack_range(const char *message, s64 *off, s64 *size)
{
	const char *s = message;

	while (*s && !str_starts(s, "off -"))
		s++;
	if (!*s)
		return false;
	for (s += 5, *off = 0; *s >= '0' && *s <= '9'; s++)
		*off = *off * 10 + (*s - '0');
	*off = -*off;
	while (*s && !str_starts(s, "size "))
		s++;
	if (!*s)
		return false;
	for (s += 5, *size = 0; *s >= '0' && *s <= '9'; s++)
		*size = *size * 10 + (*s - '0');
	return *off >= -BPF_STACK_SIZE && *size > 0 && *off + *size <= 0;
}

void fix_unset_stack(struct fixer *f)
{
	const struct path_func *func = path_func(f->path, f->at);
	struct code code = { .n = 0 };
	s64 off, size;

	if (!stack_range(f->e->message, &off, &size) || size > 8 * (CODE_MAX - 1))
		return;
	for (s64 at = off & ~7ll; at < off + size; at += 8)
		code.insns[code.n++] = (struct bpf_insn){ .code = BPF_ST | BPF_MEM | BPF_DW,
							  .dst_reg = 10, .off = (s16)at };
	propose_before(f, func ? func->start : 0, &code, EDIT_ALL, f->at,
		       "clear the whole variable, padding included, when it is declared",
		       "struct key key = {};   /* all %lld bytes */", (long long)size);
}

/* ---- permissions ---- */

void fix_licence(struct fixer *f)
{
	struct edit edit;

	edit_init(&edit, f->request);
	edit.gpl = true;
	propose(f, &edit, -1, "declare a GPL-compatible licence, if that is yours",
		"char LICENSE[] SEC(\"license\") = \"GPL\";");
}

void fix_sleep(struct fixer *f)
{
	struct edit edit;

	if (!insn_is_call(f->insn) || f->insn->src_reg || f->insn->imm != BPF_FUNC_copy_from_user)
		return;
	edit_init(&edit, f->request);
	if (!edit.failed)
		edit.insns.data[f->at].imm = BPF_FUNC_probe_read_user;
	propose(f, &edit, f->at, "use the helper that does not sleep; it fails where the page is not there",
		"bpf_probe_read_user(dst, size, ptr);");
}

/* ---- reads of kernel memory ---- */

/* A character of "p", "p->field[i].other". */
static bool is_lvalue(const char *s)
{
	return (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
	       *s == '_' || *s == '.' || *s == '[' || *s == ']' || (*s == '-' && s[1] == '>') ||
	       *s == '>';
}

static const char *dereferenced(const struct place *at, char buf[96])
{
	const char *s = at->text;
	size_t n = 0;
	bool star;

	while (*s && *s != '=')
		s++;
	if (!*s || s[1] == '=')
		return "&ptr->field";
	while (*++s == ' ')
		;
	/* *p is read at p, p->field at its address; of a cast or a sum there is none. */
	star = *s == '*';
	s += star;
	while (is_lvalue(s + n))
		n++;
	if (!n || n > 80 || s[n] != ';' || (s[n + 1] && !str_starts(s + n + 1, " /")))
		return "&ptr->field";
	text_format(buf, 96, "%s%.*s", star ? "" : "&", (int)n, s);
	return buf;
}

/* *(size *)(src + off) becomes bpf_probe_read_kernel into a slot, with r0 to r5 kept. */
static bool put_probe_read(const struct fixer *f, struct code *c, s32 helper)
{
	u32 size = insn_access_size(f->insn), dst = f->insn->dst_reg, src = f->insn->src_reg;
	s32 slot = (stack_used(f, f->at) & ~7) - 8, keep = slot - 8;
	u16 live = f->path->live ? f->path->live[f->at + 1] : 0;

	for (u32 i = 0; i <= 5; i++) {
		if (!(live >> i & 1) || i == dst)
			continue;
		put_store(c, 8, 10, keep - (s32)(8 * i), i);
	}
	put_mov(c, 3, src);
	put_add_imm(c, 3, f->insn->off);
	put_mov(c, 1, 10);
	put_add_imm(c, 1, slot);
	put_mov_imm(c, 2, (s32)size);
	put_call(c, helper);
	for (u32 i = 0; i <= 5; i++)
		if ((live >> i & 1) && i != dst)
			put_load(c, 8, i, 10, keep - (s32)(8 * i));
	put_load(c, size, dst, 10, slot);
	return keep - 40 >= -BPF_STACK_SIZE && c->n < CODE_MAX;
}

static bool is_user_address(const struct fixer *f)
{
	/* What a system call was given. */
	for (u32 i = 0; i < f->e->n_origins; i++)
		if (f->request->prog_type == BPF_PROG_TYPE_TRACEPOINT &&
		    str_starts(f->e->origins[i].text, "loaded from the context"))
			return true;
	return false;
}

void fix_probe_read(struct fixer *f)
{
	bool user = is_user_address(f);
	s32 helper = user ? BPF_FUNC_probe_read_user : BPF_FUNC_probe_read_kernel;
	struct code code = { .n = 0 };
	struct bpf_insn nothing;
	const struct reg *ptr;
	struct edit edit;
	char field[96];

	if (!f->has_value || BPF_CLASS(f->insn->code) != BPF_LDX || f->value.at >= LOC_SLOT ||
	    f->at + 1 >= f->request->insn_cnt)
		return;
	ptr = reg_before(f, f->last, f->value.at);
	/* Not what was a good pointer until a call: that one must be taken again. */
	for (u32 i = 0; i < f->e->n_origins; i++)
		if (f->e->origins[i].lost && !str_starts(f->e->origins[i].text, "read "))
			return;
	if (!ptr || ptr->kind != REG_SCALAR || scalar_is_const(&ptr->val) ||
	    !put_probe_read(f, &code, helper))
		return;
	edit_init(&edit, f->request);
	edit_insert(&edit, f->at, code.insns, code.n, EDIT_ALL);
	/* The load itself goes away: its result is there already. */
	nothing = (struct bpf_insn){ .code = BPF_JMP | BPF_JA };
	if (!edit.failed)
		edit.insns.data[f->at + code.n] = nothing;
	propose(f, &edit, f->at, user ? "read user memory through the helper"
				      : "read kernel memory through the helper",
		"bpf_probe_read_%s(&value, sizeof(value), %s);", user ? "user" : "kernel",
		dereferenced(&f->e->at, field));
}

/* ---- loops ---- */

/* may_goto: the kernel ends the loop after very many rounds. */
void fix_loop(struct fixer *f)
{
	struct code code = { .n = 0 };
	char number[16];

	code.insns[code.n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_JCOND, .off = 1 };
	code.insns[code.n++] = (struct bpf_insn){ .code = BPF_JMP | BPF_JA, .off = 2 };
	put_return(&code, f);
	propose_before(f, f->at, &code, EDIT_ALL, f->at,
		       "let the kernel bound the loop (Linux 6.9; bpf_experimental.h)",
		       "if (!can_loop)   /* or cond_break; */\n    return %s;\n"
		       "older kernels: a constant bound, for (i = 0; i < 1000; i++), or bpf_loop()",
		       plain_result_name(f, number));
}

/* ---- words ---- */

void fix_context(struct fixer *f)
{
	const struct prog_type_model *type =
	    model_prog_type(f->request->model, f->request->prog_type);
	const struct ctx_layout *layout = f->request->ctx ? f->request->ctx : type ? type->ctx : NULL;
	const struct ctx_field *near = NULL;
	s64 off = f->insn->off;
	const struct reg *ptr = f->has_value ? reg_before(f, f->last, f->value.at) : NULL;

	if (!layout || !layout->fields)
		return;
	if (ptr && ptr->kind == REG_CTX)
		off += ptr->off;
	for (u32 i = 0; i < layout->n_fields; i++)
		if (layout->fields[i].offset <= off)
			near = &layout->fields[i];
	if (!near)
		return;
	if (BPF_CLASS(f->insn->code) != BPF_LDX && off < near->offset + near->size &&
	    !(near->access & FIELD_WRITE))
		advise(f, f->at, "this field of the context cannot be written",
		       "/* struct %s, %s: read only for this program type */", layout->name,
		       near->name);
	else if (off >= near->offset + near->size)
		advise(f, f->at, "there is no field at this offset",
		       "/* struct %s ends its field %s at offset %u; is SEC() of the type you meant? */",
		       layout->name, near->name, near->offset + near->size);
	else
		advise(f, f->at, "read the field in its own size",
		       "/* struct %s, %s: %u bytes at offset %u%s */", layout->name, near->name,
		       near->unit ? near->unit : near->size, near->offset,
		       near->access & FIELD_NARROW ? ", or a part of it" : "");
}

static const struct {
	s32 helper;
	const char *words;
} others[] = {
	{ BPF_FUNC_xdp_adjust_tail, "bpf_skb_change_tail(skb, new_len, 0);   /* tc */" },
	{ BPF_FUNC_xdp_adjust_head, "bpf_skb_adjust_room(skb, delta, BPF_ADJ_ROOM_MAC, 0);   /* tc */" },
	{ BPF_FUNC_skb_change_tail, "bpf_xdp_adjust_tail(ctx, delta);   /* XDP */" },
	{ BPF_FUNC_skb_adjust_room, "bpf_xdp_adjust_head(ctx, delta);   /* XDP */" },
	{ BPF_FUNC_skb_load_bytes, "bpf_xdp_load_bytes(ctx, offset, buf, len);   /* XDP */" },
	{ BPF_FUNC_xdp_load_bytes, "bpf_skb_load_bytes(skb, offset, buf, len);   /* tc */" },
	{ BPF_FUNC_get_current_pid_tgid, "/* there is no current task in packet programs: use bpf_get_socket_cookie(skb) */" },
	{ BPF_FUNC_get_current_comm, "/* there is no current task in packet programs */" },
	{ BPF_FUNC_probe_write_user, "/* needs CAP_SYS_ADMIN, and a program of the tracing family */" },
	{ BPF_FUNC_override_return, "/* only SEC(\"kprobe/...\") on functions with ALLOW_ERROR_INJECTION */" },
	{ BPF_FUNC_redirect_map, "bpf_redirect(ifindex, 0);   /* tc; bpf_redirect_map is XDP's */" },
	{ BPF_FUNC_d_path, "/* only from the functions of the kernel's d_path allow list, in fentry or lsm */" },
};

void fix_helper(struct fixer *f)
{
	for (u32 i = 0; i < ARRAY_SIZE(others); i++)
		if (insn_is_call(f->insn) && !f->insn->src_reg && f->insn->imm == others[i].helper)
			advise(f, f->at, "what this program type has in its place", "%s",
			       others[i].words);
}

static const struct {
	u32 type;
	const char *words;
} map_uses[] = {
	{ BPF_MAP_TYPE_PROG_ARRAY, "bpf_tail_call(ctx, &map, index);   /* all that a prog array is for */" },
	{ BPF_MAP_TYPE_PERF_EVENT_ARRAY, "bpf_perf_event_output(ctx, &map, BPF_F_CURRENT_CPU, &data, sizeof(data));" },
	{ BPF_MAP_TYPE_RINGBUF, "bpf_ringbuf_output(&map, &data, sizeof(data), 0);" },
	{ BPF_MAP_TYPE_STACK_TRACE, "bpf_get_stackid(ctx, &map, 0);" },
	{ BPF_MAP_TYPE_DEVMAP, "bpf_redirect_map(&map, key, 0);" },
	{ BPF_MAP_TYPE_CPUMAP, "bpf_redirect_map(&map, key, 0);" },
	{ BPF_MAP_TYPE_XSKMAP, "bpf_redirect_map(&map, key, 0);" },
	{ BPF_MAP_TYPE_QUEUE, "bpf_map_pop_elem(&map, &value);   /* and bpf_map_push_elem */" },
	{ BPF_MAP_TYPE_STACK, "bpf_map_pop_elem(&map, &value);   /* and bpf_map_push_elem */" },
	{ BPF_MAP_TYPE_CGROUP_ARRAY, "bpf_current_task_under_cgroup(&map, index);" },
	{ BPF_MAP_TYPE_HASH, "bpf_map_lookup_elem(&map, &key);" },
	{ BPF_MAP_TYPE_ARRAY, "bpf_map_lookup_elem(&map, &key);" },
};

/* "cannot pass map_type 3 into func ..." */
void fix_map_type(struct fixer *f)
{
	const char *s = f->e->message;
	u32 type = 0;

	while (*s && !str_starts(s, "map_type "))
		s++;
	if (!*s)
		return;
	for (s += 9; *s >= '0' && *s <= '9'; s++)
		type = type * 10 + (u32)(*s - '0');
	for (u32 i = 0; i < ARRAY_SIZE(map_uses); i++)
		if (map_uses[i].type == type)
			advise(f, f->at, "what this map is used with", "%s", map_uses[i].words);
}
