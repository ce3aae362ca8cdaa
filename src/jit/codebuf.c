/* SPDX-License-Identifier: Apache-2.0 */
#include "jit/codebuf.h"

#include "jit/jit.h"

#define UNBOUND      UINT32_MAX
#define MAX_CODE     (1u << 30) /* so that any displacement fits 32 bits */
#define RELAX_ROUNDS 16

void codebuf_init(struct codebuf *buf, u32 labels)
{
	*buf = (struct codebuf){ 0 };
	if (!vec_reserve(&buf->labels, labels)) {
		buf->err = -ENOMEM;
		return;
	}
	buf->labels.len = labels;
	vec_for_each (label, &buf->labels)
		label->pos = UNBOUND;
}

void codebuf_release(struct codebuf *buf)
{
	vec_release(&buf->bytes);
	vec_release(&buf->labels);
	vec_release(&buf->branches);
	vec_release(&buf->relocs);
}

void codebuf_fail(struct codebuf *buf, int err)
{
	if (!buf->err)
		buf->err = err;
}

void codebuf_put(struct codebuf *buf, const void *bytes, size_t n)
{
	if (!vec_reserve(&buf->bytes, buf->bytes.len + n)) {
		codebuf_fail(buf, -ENOMEM);
		return;
	}
	if (buf->bytes.len + n > MAX_CODE) {
		codebuf_fail(buf, -E2BIG);
		return;
	}
	memcpy(buf->bytes.data + buf->bytes.len, bytes, n);
	buf->bytes.len += n;
}

static struct code_place here(const struct codebuf *buf)
{
	return (struct code_place){ (u32)buf->bytes.len, (u32)buf->branches.len };
}

code_label codebuf_label(struct codebuf *buf)
{
	if (!vec_push(&buf->labels, (struct code_place){ .pos = UNBOUND })) {
		codebuf_fail(buf, -ENOMEM);
		return 0;
	}
	return (code_label)(buf->labels.len - 1);
}

void codebuf_bind(struct codebuf *buf, code_label label)
{
	if (label < buf->labels.len)
		buf->labels.data[label] = here(buf);
}

void codebuf_branch(struct codebuf *buf, u8 kind, code_label target)
{
	struct code_branch branch = { (u32)buf->bytes.len, target, kind, false };

	if (!vec_push(&buf->branches, branch))
		codebuf_fail(buf, -ENOMEM);
}

void codebuf_reloc(struct codebuf *buf, struct code_reloc reloc)
{
	reloc.at = here(buf);
	if (!vec_push(&buf->relocs, reloc))
		codebuf_fail(buf, -ENOMEM);
}

/* A buffer being linked: shift[i] is the size of its first i branches. */
struct layout {
	struct codebuf *buf;
	const struct code_branch_ops *ops;
	u32 *shift;
};

static u32 offset_of(const struct layout *layout, struct code_place place)
{
	return place.pos + layout->shift[place.branches];
}

static u32 branch_size(const struct layout *layout, const struct code_branch *branch)
{
	const struct code_branch_form *form = &layout->ops->forms[branch->kind];

	return branch->far ? form->far_size : form->near_size;
}

static void lay_out(const struct layout *layout)
{
	u32 total = 0;

	vec_for_each (branch, &layout->buf->branches) {
		layout->shift[branch - layout->buf->branches.data] = total;
		total += branch_size(layout, branch);
	}
	layout->shift[layout->buf->branches.len] = total;
}

/* From the end of branch i to its target. */
static s32 distance_of(const struct layout *layout, u32 i)
{
	const struct code_branch *branch = &layout->buf->branches.data[i];
	u32 end = branch->pos + layout->shift[i + 1];

	return (s32)(offset_of(layout, layout->buf->labels.data[branch->target]) - end);
}

static bool reaches(const struct layout *layout, u32 i)
{
	const struct code_branch_form *form =
	    &layout->ops->forms[layout->buf->branches.data[i].kind];
	s32 distance = distance_of(layout, i);

	return form->near_size && distance >= form->near_min && distance <= form->near_max;
}

/*
 * Starts with every branch short and lengthens those that do not reach. Lengthening only
 * moves things apart, so a branch never becomes short again and this ends; the bound on
 * rounds keeps it linear for code that would need many.
 */
static void relax(const struct layout *layout)
{
	struct codebuf *buf = layout->buf;
	bool changed = true;

	vec_for_each (branch, &buf->branches)
		branch->far = !layout->ops->forms[branch->kind].near_size;
	lay_out(layout);
	for (int round = 0; changed; round++) {
		changed = false;
		for (u32 i = 0; i < buf->branches.len; i++) {
			struct code_branch *branch = &buf->branches.data[i];

			if (branch->far || (round < RELAX_ROUNDS && reaches(layout, i)))
				continue;
			branch->far = true;
			changed = true;
		}
		lay_out(layout);
	}
}

static bool all_bound(struct codebuf *buf)
{
	vec_for_each (branch, &buf->branches)
		if (branch->target >= buf->labels.len ||
		    buf->labels.data[branch->target].pos == UNBOUND)
			return false;
	vec_for_each (reloc, &buf->relocs)
		if (reloc->kind == JIT_RELOC_CALL && buf->labels.data[reloc->veneer].pos == UNBOUND)
			return false;
	return true;
}

/* The plain bytes between two branches; n may be 0. */
static u8 *copy_plain(const struct codebuf *buf, u8 *out, u32 from, u32 n)
{
	if (n)
		memcpy(out, buf->bytes.data + from, n);
	return out + n;
}

static void write_code(const struct layout *layout, u8 *out)
{
	const struct codebuf *buf = layout->buf;
	u32 from = 0;

	for (u32 i = 0; i < buf->branches.len; i++) {
		const struct code_branch *branch = &buf->branches.data[i];

		out = copy_plain(buf, out, from, branch->pos - from);
		layout->ops->write(out, branch->kind, branch->far, distance_of(layout, i));
		out += branch_size(layout, branch);
		from = branch->pos;
	}
	copy_plain(buf, out, from, (u32)buf->bytes.len - from);
}

static void write_relocs(const struct layout *layout, struct jit_reloc *out)
{
	struct codebuf *buf = layout->buf;

	vec_for_each (reloc, &buf->relocs) {
		u32 veneer = 0;

		if (reloc->kind == JIT_RELOC_CALL)
			veneer = offset_of(layout, buf->labels.data[reloc->veneer]);
		*out++ = (struct jit_reloc){ .offset = offset_of(layout, reloc->at),
					     .kind = reloc->kind,
					     .symbol = reloc->symbol,
					     .index = reloc->index,
					     .addend = reloc->addend,
					     .veneer = veneer };
	}
}

static void write_labels(const struct layout *layout, u32 *where)
{
	vec_for_each (label, &layout->buf->labels)
		*where++ = label->pos == UNBOUND ? UNBOUND : offset_of(layout, *label);
}

int codebuf_link(struct codebuf *buf, const struct code_branch_ops *ops, struct jit_code *out,
		 u32 *where)
{
	struct layout layout = { .buf = buf, .ops = ops };
	u64 len;

	if (buf->err)
		return buf->err;
	if (!all_bound(buf))
		return -EINVAL;
	layout.shift = os_alloc((buf->branches.len + 1) * sizeof(u32));
	if (!layout.shift)
		return -ENOMEM;
	relax(&layout);
	len = buf->bytes.len + layout.shift[buf->branches.len];
	out->bytes = os_alloc(len);
	out->relocs = os_alloc(buf->relocs.len * sizeof(*out->relocs));
	if (!out->bytes || !out->relocs) {
		os_free(layout.shift);
		return -ENOMEM;
	}
	out->len = (u32)len;
	out->n_relocs = (u32)buf->relocs.len;
	write_code(&layout, out->bytes);
	write_relocs(&layout, out->relocs);
	if (where)
		write_labels(&layout, where);
	os_free(layout.shift);
	return 0;
}
