/* SPDX-License-Identifier: Apache-2.0 */
#include "model/hooks.h"

#include "base/str.h"
#include "btf/btf.h"
#include "model/hook_facts.h"

#define LSM_PREFIX "bpf_lsm_"

static const struct {
	const char *name;
	u32 facts;
} functions[] = {
#define X(name) { LSM_PREFIX #name, HOOK_LSM_SLEEPABLE },
	LSM_SLEEPABLE(X)
#undef X
#define X(name) { LSM_PREFIX #name, HOOK_LSM_DISABLED },
	LSM_DISABLED(X)
#undef X
#define X(name) { LSM_PREFIX #name, HOOK_LSM_UNTRUSTED },
	LSM_UNTRUSTED(X)
#undef X
#define X(name) { LSM_PREFIX #name, HOOK_LSM_BOOL },
	LSM_BOOL(X)
#undef X
#define X(name) { LSM_PREFIX #name, HOOK_LSM_SOCKOPT },
	LSM_SOCKOPT(X)
#undef X
#define X(name) { LSM_PREFIX #name, HOOK_LSM_NO_HOOK },
	LSM_NO_HOOK(X)
#undef X
#define X(name) { #name, HOOK_TRACE_DENIED },
	TRACE_DENIED(X)
#undef X
#define X(name) { #name, HOOK_NORETURN },
	NORETURN(X)
#undef X
#define X(name) { #name, HOOK_MODIFIABLE | HOOK_SLEEPABLE },
	ERROR_INJECTION(X) MODIFY_RETURN_SLEEPABLE(X)
#undef X
#define X(name) { #name, HOOK_MODIFIABLE },
	ERROR_INJECTION_ATOMIC(X) MODIFY_RETURN(X)
#undef X
#define X(name) { #name, HOOK_D_PATH },
	D_PATH(X)
#undef X
};


/* System calls as the architectures name their entries: all may be made to fail. */
static bool is_syscall(const char *name)
{
	static const char *const prefixes[] = { "__x64_sys_",	     "__ia32_sys_",
						"__x64_compat_sys_", "__ia32_compat_sys_",
						"__arm64_sys_",	     "__arm64_compat_sys_",
						"__riscv_sys_",	     "__s390x_sys_" };

	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (str_starts(name, prefixes[i]))
			return true;
	return false;
}

u32 hook_facts(const char *function)
{
	u32 facts = 0;

	for (u32 i = 0; i < ARRAY_SIZE(functions); i++)
		if (str_eq(function, functions[i].name))
			facts |= functions[i].facts;
	if (is_syscall(function))
		facts |= HOOK_MODIFIABLE | HOOK_SLEEPABLE;
	if (str_starts(function, "security_"))
		facts |= HOOK_MODIFIABLE;
	return facts;
}

bool hook_is_lsm(const struct btf *btf, const char *function)
{
	struct btf_field field;
	s32 list;

	if (!str_starts(function, LSM_PREFIX))
		return false;
	list = btf_find(btf, "security_list_options", BTF_KIND_UNION);
	if (list < 0)
		return !(hook_facts(function) & HOOK_LSM_NO_HOOK);
	return btf_find_member(btf, (u32)list, function + sizeof(LSM_PREFIX) - 1, &field) == 0;
}

/* ---- arguments ---- */

static const struct {
	const char *name;
	u16 null, error;
} tracepoints[] = {
#define X(name, null, error) { #name, null, error },
	TRACEPOINT_ARGS(X)
#undef X
};

static const struct {
	const char *name;
	u32 arg, flags;
} iter_args[] = {
#define X(name, arg, flags) { #name, arg, flags },
	ITER_ARGS(X)
#undef X
};

static const struct {
	const char *name;
	u16 null;
} lsm_args[] = {
#define X(name, null) { LSM_PREFIX #name, null },
	LSM_NULL_ARGS(X)
#undef X
};

u32 hook_lsm_arg(const char *function, u32 arg)
{
	for (u32 i = 0; i < ARRAY_SIZE(lsm_args); i++)
		if (str_eq(function, lsm_args[i].name))
			return lsm_args[i].null >> arg & 1 ? HOOK_ARG_NULL : 0;
	return 0;
}

u32 hook_tracepoint_arg(const char *name, u32 arg)
{
	for (u32 i = 0; i < ARRAY_SIZE(tracepoints); i++)
		if (str_eq(name, tracepoints[i].name))
			return (tracepoints[i].null >> arg & 1 ? HOOK_ARG_NULL : 0) |
			       (tracepoints[i].error >> arg & 1 ? HOOK_ARG_ERRNO : 0);
	return 0;
}

bool hook_is_iter(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(iter_args); i++)
		if (str_eq(name, iter_args[i].name))
			return true;
	return false;
}

u32 hook_iter_arg(const char *name, u32 arg)
{
	for (u32 i = 0; i < ARRAY_SIZE(iter_args); i++)
		if (str_eq(name, iter_args[i].name) && iter_args[i].arg == arg)
			return iter_args[i].flags | HOOK_ARG_GIVEN;
	return 0;
}
