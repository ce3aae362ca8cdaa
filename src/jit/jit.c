/* SPDX-License-Identifier: Apache-2.0 */
#include "jit/jit.h"

#include "maps/map.h"

int jit_compile(const struct jit_target *target, const struct image *image, u32 features,
		struct jit_code *out)
{
	struct jit_entries entries = { 0 };
	struct codebuf buf;
	u32 *where = NULL;
	int err;

	*out = (struct jit_code){ 0 };
	codebuf_init(&buf, 2 * image->len);
	target->compile(image, features, &buf, &entries);
	where = os_alloc(buf.labels.len * sizeof(u32));
	err = where ? codebuf_link(&buf, target->branches, out, where) : -ENOMEM;
	codebuf_release(&buf);
	if (err) {
		os_free(where);
		jit_code_release(out);
		return err;
	}
	out->entry = where[entries.entry];
	out->tail_entry = where[entries.tail_entry];
	out->text_len = where[entries.text_end];
	out->insn_offset = where;
	return 0;
}

void jit_code_release(struct jit_code *code)
{
	os_free(code->bytes);
	os_free(code->relocs);
	os_free(code->insn_offset);
	*code = (struct jit_code){ 0 };
}

static u64 runtime_address(const struct prog *prog, u32 index)
{
	switch (index) {
	case JIT_RUN_ABORT:
		return (u64)(uintptr_t)run_abort;
	case JIT_RUN_TAIL_TARGET:
		return (u64)(uintptr_t)run_tail_target;
	case JIT_RUN_LOAD_PACKET:
		return (u64)(uintptr_t)prog->image->load_packet;
	}
	return 0;
}

/* The value of a symbol in this process; 0: there is none. */
static u64 symbol_address(const struct prog *prog, const struct jit_reloc *reloc)
{
	const struct image *image = prog->image;
	struct map *map;

	switch (reloc->symbol) {
	case JIT_SYM_PROG:
		return (u64)(uintptr_t)prog;
	case JIT_SYM_RUNTIME:
		return runtime_address(prog, reloc->index);
	case JIT_SYM_HELPER:
		return (u64)(uintptr_t)image->calls[reloc->index]->fn;
	}
	map = image->maps[reloc->index];
	switch (reloc->symbol) {
	case JIT_SYM_MAP:
		return (u64)(uintptr_t)map;
	case JIT_SYM_MAP_VALUES:
		return (u64)(uintptr_t)map->values;
	case JIT_SYM_MAP_VALUE:
		return (u64)(uintptr_t)map->ops->value_addr(map, reloc->addend);
	}
	return 0;
}

static int relocate(const struct jit_target *target, const struct jit_code *code,
		    struct os_code *mem, const struct prog *prog)
{
	u64 base = (u64)(uintptr_t)mem->rx;

	for (u32 i = 0; i < code->n_relocs; i++) {
		const struct jit_reloc *reloc = &code->relocs[i];
		u64 value = symbol_address(prog, reloc);

		if (!value)
			return -EINVAL;
		if (reloc->kind == JIT_RELOC_CALL)
			target->patch_call(mem->rw + reloc->offset, base + reloc->offset, value,
					   base + reloc->veneer);
		else
			memcpy(mem->rw + reloc->offset, &value, sizeof(value));
	}
	return 0;
}

int jit_install(const struct jit_target *target, const struct jit_code *code, struct prog *prog)
{
	struct os_code mem;
	int err = os_code_create(&mem, code->len);

	if (err)
		return err;
	memcpy(mem.rw, code->bytes, code->len);
	err = relocate(target, code, &mem, prog);
	if (!err)
		err = os_code_publish(&mem);
	if (err) {
		os_code_release(&mem);
		return err;
	}
	prog->code = mem;
	prog->code_len = code->len;
	prog->entry =
	    (u64(*)(void *, struct prog *, struct run_ctx *))(uintptr_t)(mem.rx + code->entry);
	prog->tail_entry = mem.rx + code->tail_entry;
	prog->jited = true;
	return 0;
}

int jit_prepare(struct prog *prog)
{
	const struct jit_target *target = jit_host_target();
	struct jit_code code;
	int err;

	if (!target)
		return -ENOTSUPP;
	err = jit_compile(target, prog->image, JIT_DETECT, &code);
	if (err)
		return err;
	err = jit_install(target, &code, prog);
	jit_code_release(&code);
	return err;
}

void jit_release(struct prog *prog)
{
	if (!prog->jited)
		return;
	os_code_release(&prog->code);
	prog->entry = NULL;
	prog->tail_entry = NULL;
	prog->jited = false;
}

int jit_thunk(struct os_code *code, u64 (*fn)(void *ctx, void *arg), void *arg)
{
	const struct jit_target *target = jit_host_target();
	struct codebuf buf;
	int err;

	if (!target)
		return -ENOTSUPP;
	codebuf_init(&buf, 0);
	target->thunk(&buf, (u64)(uintptr_t)fn, (u64)(uintptr_t)arg);
	err = buf.err ? buf.err : os_code_create(code, buf.bytes.len);
	if (!err) {
		memcpy(code->rw, buf.bytes.data, buf.bytes.len);
		err = os_code_publish(code);
		if (err)
			os_code_release(code);
	}
	codebuf_release(&buf);
	return err;
}
