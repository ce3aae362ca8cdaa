/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/small_kernel.h"

static void add_func(struct btf_builder *b, const char *name, s32 ret, const s32 *args, u32 n,
		     const char *last)
{
	s32 proto = btf_add_func_proto(b, (u32)ret);

	for (u32 i = 0; i < n; i++)
		btf_add_param(b, !args[i] ? "" : i == n - 1 && last ? last : "a", (u32)args[i]);
	btf_add_func(b, name, (u32)proto, BTF_FUNC_STATIC);
}

static void add_tracepoint(struct btf_builder *b, const char *name, s32 proto)
{
	btf_add_typedef(b, name, (u32)btf_add_ptr(b, (u32)proto));
}

struct btf_builder *small_kernel(void)
{
	struct btf_builder *b = btf_builder_new();
	s32 t_int = btf_add_int(b, "int", 4, BTF_INT_SIGNED), t_long = btf_add_int(b, "long", 8, 0);
	s32 t_char = btf_add_int(b, "char", 1, 0), obj, pair, big, p_obj, p_void, p_char, p_tagged, proto, percpu, wide[13];
	s32 empty = btf_add_struct(b, "empty", 0, false);

	obj = btf_add_struct(b, "object", 16, false);
	btf_add_member(b, "id", (u32)t_int, 0, 0);
	pair = btf_add_struct(b, "pair", 16, false);
	btf_add_member(b, "a", (u32)t_long, 0, 0);
	btf_add_member(b, "b", (u32)t_long, 64, 0);
	big = btf_add_struct(b, "big", 24, false);
	btf_add_member(b, "a", (u32)t_long, 0, 0);
	p_obj = btf_add_ptr(b, (u32)obj);
	p_void = btf_add_ptr(b, 0);
	p_char = btf_add_ptr(b, (u32)btf_add_modifier(b, BTF_KIND_CONST, (u32)t_char));
	p_tagged = btf_add_ptr(b, (u32)btf_add_type_tag(b, "user", (u32)obj));
	add_func(b, "plain", t_int, (s32[]){ t_int, p_obj, p_char }, 3, NULL);
	add_func(b, "nothing", 0, (s32[]){ p_tagged }, 1, NULL);
	add_func(b, "by_value", t_int, (s32[]){ pair, t_int }, 2, NULL);
	add_func(b, "too_big", t_int, (s32[]){ big }, 1, NULL);
	add_func(b, "takes_empty", t_int, (s32[]){ empty, t_int }, 2, NULL);
	add_func(b, "gives_struct", pair, (s32[]){ t_int }, 1, NULL);
	add_func(b, "varargs", t_int, (s32[]){ p_char, 0 }, 2, NULL);
	for (u32 i = 0; i < 13; i++)
		wide[i] = t_int;
	add_func(b, "many", t_int, wide, 13, NULL);
	add_func(b, "do_exit", 0, (s32[]){ t_long }, 1, NULL);
	add_func(b, "migrate_disable", 0, NULL, 0, NULL);
	add_func(b, "__x64_sys_read", t_long, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "security_file_open", t_int, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "security_nothing", 0, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "bpf_iter_task", t_int, (s32[]){ p_obj, p_obj }, 2, NULL);
	add_func(b, "bpf_iter_bpf_map_elem", t_int, (s32[]){ p_obj, p_obj, p_void, p_void }, 4, NULL);
	add_func(b, "bpf_iter_no_target", t_int, (s32[]){ p_obj }, 1, NULL);
	btf_add_struct(b, "security_list_options", 8, true);
	btf_add_member(b, "file_open", (u32)p_void, 0, 0);
	btf_add_member(b, "mmap_file", (u32)p_void, 0, 0);
	btf_add_member(b, "task_free", (u32)p_void, 0, 0);
	btf_add_member(b, "inode_xattr_skipcap", (u32)p_void, 0, 0);
	btf_add_member(b, "getprocattr", (u32)p_void, 0, 0);
	add_func(b, "bpf_lsm_file_open", t_int, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "bpf_lsm_mmap_file", t_int, (s32[]){ p_obj, t_long }, 2, NULL);
	add_func(b, "bpf_lsm_task_free", 0, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "bpf_lsm_inode_xattr_skipcap", t_int, (s32[]){ p_char }, 1, NULL);
	add_func(b, "bpf_lsm_getprocattr", t_int, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "bpf_lsm_verify_prog", t_int, (s32[]){ p_obj }, 1, NULL);
	proto = btf_add_func_proto(b, 0);
	btf_add_param(b, "", (u32)p_void);
	btf_add_param(b, "", (u32)p_obj);
	btf_add_param(b, "", (u32)t_int);
	add_tracepoint(b, "btf_trace_event", proto);
	add_tracepoint(b, "btf_trace_mm_page_alloc", proto);
	add_tracepoint(b, "not_a_trace", proto);
	add_tracepoint(b, "btf_trace_object", obj);
	btf_add_typedef(b, "btf_trace_number", (u32)t_int);
	add_tracepoint(b, "btf_trace_named", proto);
	add_func(b, "__bpf_trace_named", 0, (s32[]){ p_void, p_obj }, 2, "obj__nullable");
	/* variables, one of them per CPU, and functions for programs to call */
	percpu = btf_add_var(b, "per_cpu_number", (u32)t_int, 1);
	btf_add_datasec(b, ".data..percpu", 4);
	btf_add_secinfo(b, (u32)percpu, 0, 4);
	btf_add_var(b, "an_object", (u32)obj, 1);
	btf_add_var(b, "a_number", (u32)t_int, 1);
	add_func(b, "bpf_rcu_read_lock", 0, NULL, 0, NULL);
	add_func(b, "bpf_task_acquire", p_obj, (s32[]){ p_obj }, 1, NULL);
	add_func(b, "bpf_cpumask_create", p_obj, NULL, 0, NULL);
	add_func(b, "bpf_iter_num_new", t_int, (s32[]){ p_obj, t_int, t_int }, 3, NULL);
	add_func(b, "bpf_dynptr_slice", p_void, (s32[]){ p_obj, t_int, p_void, t_int }, 4, "buffer__szk");
	return b;
}
