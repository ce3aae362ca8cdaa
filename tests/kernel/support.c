/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/support.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "btf/btf.h"
#include "isa/asm.h"
#include "kernel/kernel.h"
#include "lib/test.h"

struct world world_skep(void)
{
	/* As many CPUs as Linux presents here, so that per-CPU values have one size. */
	struct skep_opts opts = { .size = sizeof(opts),
				  .cpus = (u32)sysconf(_SC_NPROCESSORS_CONF) };
	struct world world = { .name = "skep", .skep = skep_new(&opts), .cpus = opts.cpus };

	if (!world.skep) {
		test_fail(__FILE__, __LINE__, "skep_new: %s", strerror(errno));
		test_stop();
	}
	return world;
}

struct world world_linux(void)
{
	struct world world = { .name = "linux" };
	int fd = map_create(&world, BPF_MAP_TYPE_ARRAY, 4, 4, 1, 0);

	if (fd < 0)
		test_skip("this machine's Linux refuses bpf(2): %s", strerror(-fd));
	close(fd);
	return world;
}

void world_end(struct world *world)
{
	skep_free(world->skep);
	world->skep = NULL;
}

int world_bpf(const struct world *world, int cmd, void *attr, u32 size)
{
	int result = world->skep ? skep_bpf(world->skep, cmd, attr, size)
				 : (int)syscall(SYS_bpf, cmd, attr, size);

	return result < 0 ? -errno : result;
}

int map_create(const struct world *w, u32 type, u32 key, u32 value, u32 entries, u32 flags)
{
	return BPF(w, BPF_MAP_CREATE, attr_map_create, .map_type = type, .key_size = key,
		   .value_size = value, .max_entries = entries, .map_flags = flags);
}

int map_update(const struct world *w, int fd, const void *key, const void *value, u64 flags)
{
	return BPF(w, BPF_MAP_UPDATE_ELEM, attr_map_elem, .map_fd = (u32)fd, .key = address(key),
		   .value = address(value), .flags = flags);
}

int map_lookup(const struct world *w, int fd, const void *key, void *value)
{
	return BPF(w, BPF_MAP_LOOKUP_ELEM, attr_map_elem, .map_fd = (u32)fd, .key = address(key),
		   .value = address(value));
}

int map_delete(const struct world *w, int fd, const void *key)
{
	return BPF(w, BPF_MAP_DELETE_ELEM, attr_map_elem, .map_fd = (u32)fd, .key = address(key));
}

int map_next(const struct world *w, int fd, const void *key, void *next)
{
	return BPF(w, BPF_MAP_GET_NEXT_KEY, attr_map_elem, .map_fd = (u32)fd, .key = address(key),
		   .value = address(next));
}

int map_freeze_fd(const struct world *w, int fd)
{
	return BPF(w, BPF_MAP_FREEZE, attr_map_freeze, .map_fd = (u32)fd);
}

int prog_load(const struct world *w, u32 type, const struct bpf_insn *insns, u32 n)
{
	return BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = type, .insn_cnt = n,
		   .insns = address(insns), .license = address("GPL"), .prog_name = "test",
		   .prog_flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0);
}

int prog_load_return(const struct world *w, u32 type, s32 value)
{
	struct bpf_insn insns[] = { MOV_IMM(BPF_REG_0, value), EXIT };

	return prog_load(w, type, insns, ARRAY_SIZE(insns));
}

/* "r9 = 0x5eed0000 + n" stands for a call of the n-th of these. */
static const char *const kfuncs[] = { "bpf_wq_init", "bpf_wq_set_callback_impl", "bpf_wq_start" };

static void call_kfuncs(const struct world *w, insn_vec *insns)
{
	vec_for_each(insn, insns) {
		u32 n = (u32)insn->imm - 0x5eed0000u;

		if (insn->code != (BPF_ALU64 | BPF_MOV | BPF_K) || n >= ARRAY_SIZE(kfuncs))
			continue;
		*insn = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL,
					   .src_reg = BPF_PSEUDO_KFUNC_CALL,
					   .imm = btf_find(skep_model(w->skep)->btf, kfuncs[n],
							   BTF_KIND_FUNC) };
	}
}

int prog_load_text(const struct world *w, const char *text, bool has_callback)
{
	struct bpf_func_info info[2] = { { 0, 0 }, { 0, 0 } };
	struct btf_builder *b = btf_builder_new();
	struct asm_error error;
	insn_vec insns = { 0 };
	static char log[1 << 16];
	u32 size;
	s32 proto;
	int fd, btf;

	REQUIRE(b && isa_assemble(text, &insns, &error) == 0);
	if (w->skep)
		call_kfuncs(w, &insns);
	for (u32 i = 0; i < insns.len; i++)
		if (insns.data[i].src_reg == BPF_PSEUDO_FUNC && insn_is_ldimm64(&insns.data[i]))
			info[1].insn_off = i + (u32)insns.data[i].imm + 1;
	proto = btf_add_func_proto(b, (u32)btf_add_int(b, "int", 4, BTF_INT_SIGNED));
	info[0].type_id = (u32)btf_add_func(b, "main", (u32)proto, BTF_FUNC_STATIC);
	info[1].type_id = (u32)btf_add_func(b, "cb", (u32)proto, BTF_FUNC_STATIC);
	btf = BPF(w, BPF_BTF_LOAD, attr_btf_load, .btf = address(btf_builder_data(b, &size)),
		  .btf_size = size);
	btf_builder_free(b);
	fd = BPF(w, BPF_PROG_LOAD, attr_prog_load, .prog_type = BPF_PROG_TYPE_SCHED_CLS,
		 .insns = address(insns.data), .insn_cnt = (u32)insns.len, .license = address("GPL"),
		 .prog_btf_fd = (u32)btf, .func_info = address(info), .func_info_rec_size = 8,
		 .func_info_cnt = has_callback ? 2 : 1, .log_buf = address(log), .log_level = 1,
		 .log_size = sizeof(log));
	if (fd < 0)
		test_note("%s", log);
	vec_release(&insns);
	close(btf);
	return fd;
}

int btf_load(const struct world *w)
{
	static const char names[] = "\0int\0pair\0first\0second";
	struct {
		struct btf_header header;
		struct {
			struct btf_type type;
			u32 data;
		} integer;
		struct {
			struct btf_type type;
			struct btf_member members[2];
		} pair;
		struct {
			struct btf_type type;
			struct btf_array array;
		} pairs;
		char names[sizeof(names)];
	} btf = {
		.integer = { { 1, BTF_KIND_INT << 24, { 4 } }, BTF_INT_SIGNED << 24 | 32 },
		.pair = { { 5, BTF_KIND_STRUCT << 24 | 2, { 8 } },
			  { { 10, 1, 0 }, { 16, 1, 32 } } },
		.pairs = { { 0, BTF_KIND_ARRAY << 24, { 0 } }, { 2, 1, 3 } },
	};

	memcpy(btf.names, names, sizeof(names));
	btf.header =
	    (struct btf_header){ .magic = BTF_MAGIC,
				 .version = 1,
				 .hdr_len = sizeof(btf.header),
				 .type_len = offsetof(__typeof__(btf), names) - sizeof(btf.header),
				 .str_off = offsetof(__typeof__(btf), names) - sizeof(btf.header),
				 .str_len = sizeof(names) };
	return BPF(w, BPF_BTF_LOAD, attr_btf_load, .btf = address(&btf),
		   .btf_size = offsetof(__typeof__(btf), names) + sizeof(names));
}

int info_of(const struct world *w, int fd, void *info, u32 *size)
{
	union attr attr = { .info = {
				.bpf_fd = (u32)fd, .info_len = *size, .info = address(info) } };
	int err = world_bpf(w, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));

	*size = attr.info.info_len;
	return err;
}

/* Map and program info begin with type and id; BTF info has the id elsewhere. */
u32 id_of(const struct world *w, int fd)
{
	u32 words[2] = { 0 }, size = sizeof(words);

	return info_of(w, fd, words, &size) ? 0 : words[1];
}

bool id_is_listed(const struct world *w, int cmd, u32 id)
{
	union attr attr = { .get_id = { .id = id - 1 } };

	return world_bpf(w, cmd, &attr, sizeof(attr)) == 0 && attr.get_id.next_id == id;
}

u32 count_ids(const struct world *w, int cmd)
{
	union attr attr = { 0 };
	u32 n = 0;

	while (world_bpf(w, cmd, &attr, sizeof(attr)) == 0) {
		attr.get_id.id = attr.get_id.next_id;
		attr.get_id.next_id = 0;
		n++;
	}
	return n;
}

u32 count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	u32 n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}
