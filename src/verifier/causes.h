/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every cause of a refusal: the ids that refuse() gives, one line each. Included with CAUSE
 * defined, as often as somebody needs something made of it:
 *
 *	CAUSE(id, what, doc, advice)
 *
 * id: stable, tools test it. what: what could not be proved, in the words of somebody who
 * writes eBPF, a clause that ends a sentence. doc: why that is asked, for docs/refusals.md.
 * advice: what to change, with code where that is shorter; NULL-terminated by nothing, one
 * string, lines separated by \n. docs/refusals.md is made of this table and tests/explain/doc.c
 * keeps them in step; the same test fails for a cause in the source without a line here.
 */

/* clang-format off */

/* ---- pointers that may be NULL, or are none ---- */
CAUSE("null-check", "this pointer may be NULL here",
      "A lookup, a reservation and many other helpers give NULL when there is nothing to give. The pointer must be compared with NULL on every path before it is used; the check counts for all copies of the value, also spilled ones.",
      "test the pointer before its first use:\n    if (!ptr)\n        return 0;")
CAUSE("invalid-access", "this register is used as an address, but it holds no pointer that the program may follow",
      "Only pointers that the verifier knows may be followed: the context, the stack, map values, packet data and what helpers return. A number that happens to be an address is not one of them, and neither is a pointer whose object was released or whose packet moved.",
      "read kernel or user memory through a helper:\n    bpf_probe_read_kernel(&out, sizeof(out), ptr);\nor BPF_CORE_READ(ptr, field)")
CAUSE("argument-type", "an argument of this call is of another kind than the function takes",
      "A helper trusts its arguments, so each must be of the kind that its prototype names.",
      "pass what the prototype wants; bpf-helpers(7) lists it")
CAUSE("mixed-pointers", "this instruction would be reached with pointers of different kinds",
      "Accesses to the context and to kernel objects are rewritten when the program is loaded, which one instruction can be only in one way. The compiler merged two accesses into one.",
      "keep the accesses apart, for example with barrier_var(ptr) in each branch")

/* ---- bounds ---- */
CAUSE("out-of-bounds", "this access may lie outside of the object",
      "The smallest and the largest offset that the known bounds allow must both lie inside of the map value, record or stack object.",
      "check the index against the size of the object before it is used:\n    if (index >= ARRAY_SIZE(value->array))\n        return 0;")
CAUSE("unbounded-access", "nothing bounds this offset from above",
      "A variable offset needs an upper bound that the verifier has seen: a comparison with a constant, or a mask.",
      "bound the index where it is used:\n    if (index >= SIZE)\n        return 0;\nor, for powers of two, index &= SIZE - 1")
CAUSE("negative-offset", "this offset may be negative",
      "A signed number that was compared only from above may still be negative and then points before the object.",
      "make the index unsigned, or test both ends:\n    if (index < 0 || index >= SIZE)\n        return 0;")
CAUSE("packet-bounds", "these bytes may lie behind the end of the packet",
      "Packet data may be touched only after the end of the access was compared with data_end, for a pointer made from the same base. A variable offset, a call that moves the packet, or arithmetic after the check make it void.",
      "compare the end of the access with data_end first:\n    if ((void *)(hdr + 1) > data_end)\n        return XDP_PASS;")
CAUSE("unbounded-size", "nothing bounds this length from above",
      "The size argument of a helper must be at most the size of the memory that it is given.",
      "clamp the length:\n    if (len > sizeof(buf))\n        len = sizeof(buf);")
CAUSE("negative-size", "this length may be negative",
      "A length is unsigned for the helper: -1 is four billion bytes. A helper's result used as length must be tested for an error first.",
      "use an unsigned variable and test the result before it becomes a length:\n    if (len < 0)\n        return 0;")
CAUSE("zero-size", "this length may be 0",
      "Some helpers refuse an empty buffer, so the size must be known to be at least 1.",
      "leave early when there is nothing to do:\n    if (!len)\n        return 0;")
CAUSE("unbounded-pointer", "this addition gives a pointer with an offset that nothing bounds",
      "The number that is added to a pointer must have known bounds of a reasonable size, or the sum could be anywhere.",
      "bound the number before it is added to the pointer:\n    if (off > MAX)\n        return 0;")
CAUSE("stack-bounds", "this access may lie outside of the function's stack",
      "A function has at most 512 bytes of stack, below its frame pointer; each access must lie inside for every index that is possible.",
      "check the index of the local array, or make the array larger:\n    if (i >= ARRAY_SIZE(buf))\n        return 0;")
CAUSE("not-constant", "this argument must be a constant",
      "The size of what is allocated must be known when the program is loaded.",
      "reserve a fixed size, sizeof(struct event), and fill only a part; or use bpf_ringbuf_output, whose size may vary")
CAUSE("misaligned", "this access is not aligned",
      "The stack is tracked in aligned slots and atomic operations need aligned addresses; with BPF_F_STRICT_ALIGNMENT everything must be aligned.",
      "align the variable or the struct member, or copy with __builtin_memcpy")
CAUSE("variable-offset", "an object of this kind may be accessed at a fixed offset only",
      "Accesses to the context and to kernel objects are rewritten field by field when the program is loaded: the offset must be a constant in the instruction.",
      "select the field with constants:\n    switch (i) { case 0: v = ctx->cb[0]; break; case 1: v = ctx->cb[1]; break; }")
CAUSE("modified-pointer", "this pointer must be used as it was given, without an offset",
      "A context pointer, a record that is submitted, and other pointers that stand for a whole object must be passed as they were received.",
      "keep the pointer that you got in a variable of its own and pass that one")
CAUSE("pointer-arithmetic", "this arithmetic on a pointer is not possible",
      "To most pointers a bounded number may be added or subtracted; other operations, and arithmetic on some kinds of pointers, would give something that cannot be followed.",
      "add an index to the pointer instead; to look at an address as a number, convert it first: (__u64)ptr")
CAUSE("partial-pointer", "a pointer is stored or read in pieces",
      "A pointer on the stack is remembered only when it is stored and read as eight aligned bytes.",
      "store pointers in variables of pointer type; do not overlay them with a union, and mind packed structs")

/* ---- memory that was never written ---- */
CAUSE("uninit-register", "this value was never set on the path that leads here",
      "Reading a register that nothing was stored into would disclose what the kernel left there. In C: an uninitialised variable, a function without a return, or an argument that a call has overwritten.",
      "initialise the variable where it is declared, and return a value on every path")
CAUSE("uninit-stack", "this reads stack that was never written",
      "What is passed to a helper, or read, must have been written before; padding between struct members counts.",
      "clear the whole struct first, padding included:\n    struct key key = {};\nor __builtin_memset(&key, 0, sizeof(key))")
CAUSE("stack-escape", "a pointer to this function's stack would outlive it",
      "The stack of a function is gone when it returns, so its address may be neither returned nor stored in a caller's frame.",
      "let the caller own the variable and pass its address down")

/* ---- context ---- */
CAUSE("invalid-ctx-access", "the context has no field here that this program may access in this way",
      "Each program type has a context of its own whose fields may be read, and some written, in their own size only; what may be accessed also depends on the attach type.",
      "access an existing field with its own size (bpf-helpers and the UAPI header list them); check that SEC() is of the type you meant")
CAUSE("invalid-socket-access", "the socket has no field here that may be read in this way",
      "Of sockets only the fields of struct bpf_sock and struct bpf_tcp_sock may be read, in their own size.",
      "read a member of struct bpf_sock in its own size; for others convert with bpf_skc_to_tcp_sock() or bpf_tcp_sock()")

/* ---- what may not be written or told ---- */
CAUSE("readonly-memory", "this memory may only be read",
      "Kernel objects, keys handed to callbacks and read-only buffers must not be changed by programs.",
      "copy the value to a variable of your own and change that one")
CAUSE("packet-readonly", "programs of this type may not write the packet directly",
      "Socket filters and some other types see packets of others: they may read them only.",
      "copy what you want to change to the stack; to rewrite packets use a tc or XDP program, or bpf_skb_store_bytes()")
CAUSE("map-access-mode", "this map may not be accessed in this direction by programs",
      "A map made with BPF_F_RDONLY_PROG (and so .rodata, const globals) cannot be written by programs, one with BPF_F_WRONLY_PROG cannot be read.",
      "drop const from the variable (it then lives in .data), or keep what changes in another map")
CAUSE("special-field", "this part of the map value is a special object, not plain data",
      "Spin locks, timers, kptrs and other special fields are touched only by their own helpers.",
      "leave the field to its helpers; copy the other members one by one instead of the whole struct")
CAUSE("pointer-leak", "this would tell an address of the kernel",
      "Without CAP_PERFMON a program must not let an address get to where user space can see it.",
      "store the value, not its address; or load the program with CAP_PERFMON")
CAUSE("frame-pointer", "the frame pointer (r10) cannot be written",
      "r10 always holds the end of the function's stack.",
      "use another register")
CAUSE("atomic-target", "atomic operations are not possible on memory of this kind",
      "Atomics work on the stack, map values and other plain memory, not on the context, packets or kernel objects.",
      "do the operation in a map value or local variable, and copy the result")

/* ---- references ---- */
CAUSE("unreleased-reference", "something that was acquired is not released on this path",
      "A ringbuf record, a socket, a kptr that the program acquired must be released or handed over on every path to the exit, or it would stay for ever.",
      "release it on every path that leaves:\n    bpf_ringbuf_discard(rec, 0);   /* sockets: bpf_sk_release(sk) */\n    return 0;")
CAUSE("release-unacquired", "this releases something that the program does not hold",
      "Only the pointer that an acquiring function returned can be released, once, and only after it was found not to be NULL.",
      "release exactly the pointer that was acquired, on the path where it is not NULL, and only once")

CAUSE("lock-held", "a lock is still held here",
      "A spin lock must be released before the program returns, calls another function that may take long, or takes a second one.",
      "unlock on every path:\n    bpf_spin_unlock(&val->lock);")
CAUSE("lock-not-held", "this needs a lock that is not held here",
      "Unlocking, and changing what a lock protects, is possible only while that very lock is held.",
      "take the lock first, the one in the same map value:\n    bpf_spin_lock(&val->lock);")
CAUSE("lock-order", "locks are released in another order than they were taken",
      "The lock that was taken last is released first.",
      "unlock in the reverse order")
CAUSE("call-with-lock", "this call is not possible while a lock is held",
      "Under a spin lock nothing may be called that could take long, sleep, or take the lock again.",
      "copy what the call needs to local variables, unlock, and call then")
CAUSE("irq-disabled", "interrupts are still disabled here, or restored in the wrong way",
      "What bpf_local_irq_save() disabled must be restored, with the same flags, the last one first, on every path.",
      "call bpf_local_irq_restore(&flags) on every path")

/* ---- calls ---- */
CAUSE("unknown-helper", "this helper does not exist",
      "The number in the call names no helper of this kernel.",
      "check that the object was built for this kernel; test with bpf_core_enum_value_exists() where a helper may be absent")
CAUSE("helper-not-allowed", "programs of this type may not call this helper",
      "Which helpers may be called depends on the program type: each assumes something about where it runs.",
      "use another helper that does the same for this program type, or another program type")
CAUSE("helper-absent", "Skep knows this helper but does not have it yet",
      "The verifier knows the helper's prototype; there is nothing behind it. docs/STATUS.md lists which.",
      "run on Linux, or judge with skep verify, which checks such programs all the same")
CAUSE("gpl-only", "this may be used only by programs under a GPL-compatible licence",
      "Some helpers and kernel types are open to programs that declare a GPL-compatible licence only.",
      "declare it, if that is your licence:\n    char LICENSE[] SEC(\"license\") = \"GPL\";")
CAUSE("sleep-in-atomic", "this call may sleep, and the program runs where sleeping is not possible",
      "Helpers that may wait for memory can be called by sleepable programs only.",
      "make the program sleepable (SEC(\"lsm.s/...\"), SEC(\"uprobe.s\")), or use a helper that does not sleep: bpf_probe_read_user for bpf_copy_from_user")
CAUSE("sleepable", "programs of this type cannot be sleepable, or must be",
      "BPF_F_SLEEPABLE fits only program types that run where sleeping is allowed; syscall programs always run there.",
      "drop the .s from the section name; for SEC(\"syscall\") libbpf sets the flag itself")
CAUSE("packet-in-helper", "this helper does not take packet memory",
      "Only some helpers may be given a pointer into the packet.",
      "copy the bytes to the stack first and pass the copy")
CAUSE("map-type", "this function does not work with maps of this type",
      "Each helper works with certain map types only, and some map types are only for certain helpers.",
      "use the helper of this map type: arrays and hashes bpf_map_lookup_elem, queues bpf_map_pop_elem, ringbufs bpf_ringbuf_*, prog arrays bpf_tail_call")
CAUSE("map-no-direct-value", "values of this map cannot be addressed directly",
      "Global variables live in arrays of one value; other maps have no value at a fixed address.",
      "look the value up: bpf_map_lookup_elem(&map, &key)")
CAUSE("const-string", "this must be a constant string in read-only memory",
      "Formats and patterns are checked when the program is loaded, so they must be string literals or const globals, terminated by zero.",
      "use a literal, or a global: static const char fmt[] = \"...\";")
CAUSE("format", "the format and its arguments do not fit",
      "The format string is checked when the program is loaded: its conversions, and the size of the data array, eight bytes each.",
      "use BPF_SNPRINTF / bpf_printk from bpf_tracing.h, which count the arguments")
CAUSE("legacy-packet", "LD_ABS and LD_IND cannot be used here",
      "These old instructions read a packet through r6 and may end the program; they exist for socket filters and tc only, and not in functions that return something else than a number.",
      "use bpf_skb_load_bytes(), or direct packet access")
CAUSE("tail-call", "a tail call cannot be made here",
      "A tail call replaces the running program; it is not possible where that would leave a callback or a function without an int result.",
      "move the tail call to the main function")
CAUSE("callback", "the callback cannot be used here",
      "A callback must be a static function of the program.",
      "declare the callback static")
CAUSE("callback-result", "the callback does not return a number",
      "What a callback returns tells whether to go on.",
      "return 0 to go on, 1 to stop")
CAUSE("return-range", "the program may return something that its hook does not understand",
      "The result of many program types is a verdict with a few legal values.",
      "return one of the verdicts of this program type, as a constant, on each path")
CAUSE("global-function", "this global function cannot be verified by itself",
      "Functions that are not static are verified alone, from their BTF types: arguments must be numbers, the context, or pointers to something of a known size.",
      "make it static (static __noinline), or change the parameter types")
CAUSE("bad-call", "this call leads to no function",
      "The call's target lies outside of the program.", "rebuild the object with a current clang and libbpf")
CAUSE("bad-prototype", "the prototype of this helper is wrong",
      "A prototype that an embedder registered, or one of Skep's own, contradicts itself.",
      "fix the registration of the helper (skep_helper_add)")

/* ---- kernel functions and kernel pointers ---- */
CAUSE("unknown-kfunc", "there is no kernel function of this id",
      "A call of a kernel function names its type in the kernel's BTF; there is no function there, or the program was relocated against another kernel.",
      "rebuild against this kernel's BTF, and declare the function __ksym __weak where it may be absent:\n    if (bpf_ksym_exists(bpf_task_acquire))")
CAUSE("kfunc-not-allowed", "programs of this type may not call this kernel function",
      "Kernel functions are registered for certain program types only.",
      "call it from a program type that may, a syscall program for instance, or use a helper that does the same")
CAUSE("kfunc-absent", "Skep knows this kernel function but does not have it yet",
      "The verifier knows its prototype; there is nothing behind it.",
      "run on Linux, or judge with skep verify, which checks such programs all the same")
CAUSE("untrusted-pointer", "this pointer may lead to an object that is gone already",
      "A pointer that was read out of another object is trusted only as far as that object keeps it alive; outside of an RCU section, or after a walk through several objects, it is not.",
      "hold it: inside bpf_rcu_read_lock() / bpf_rcu_read_unlock(), or take a reference:\n    p = bpf_task_acquire(p);\n    if (!p)\n        return 0;")
CAUSE("user-pointer", "this address belongs to user space",
      "A pointer marked __user must not be followed directly: the page may be absent, or lie anything.",
      "read it with bpf_probe_read_user(&out, sizeof(out), ptr)")
CAUSE("percpu-pointer", "this is the address of a per-CPU variable, not of one CPU's copy",
      "Per-CPU variables have a copy for each CPU; the pointer must first be made one of them.",
      "take a copy's address:\n    p = bpf_this_cpu_ptr(&var);   /* or bpf_per_cpu_ptr(&var, cpu), and test for NULL */")
CAUSE("section", "an RCU or preemption section is not opened and closed in pairs",
      "bpf_rcu_read_lock() and bpf_preempt_disable() must be undone on every path, in the function that did them, and some things work only inside.",
      "unlock on every path that leaves:\n    bpf_rcu_read_unlock();\n    return 0;")
CAUSE("irq-flag", "these interrupt flags were not saved here",
      "bpf_local_irq_restore() takes the very variable that bpf_local_irq_save() filled, on the stack, once, the last one first.",
      "keep the flags in a variable of their own:\n    unsigned long flags;\n    bpf_local_irq_save(&flags);\n    ...\n    bpf_local_irq_restore(&flags);")

/* ---- loops and size ---- */
CAUSE("infinite-loop", "this loop comes back to where it was with nothing changed",
      "A loop must end: the verifier walked round it and found the same state again.",
      "make the loop count: for (int i = 0; i < 100; i++), and change what the condition tests")
CAUSE("back-edge", "this program type or privilege does not allow loops",
      "Without CAP_BPF a program must not jump backwards.", "unroll the loop (#pragma unroll), or load with CAP_BPF")
CAUSE("too-complex", "there are more paths through the program than the verifier walks",
      "The verifier walks each path until it meets a state that covers it. It gives up after a million instructions: a loop with many rounds, or branches in a row that each leave another state behind. `skep verify --why-slow` shows which.",
      "bound the loop by a small constant, or let the kernel run it: bpf_loop(n, body, &ctx, 0) or bpf_for(i, 0, n); put hard parts into global functions (without static), which are verified once")
CAUSE("call-depth", "the calls are nested too deeply",
      "At most eight functions may be active at once.", "inline some functions (static __always_inline), or make the chain flatter")
CAUSE("recursion", "this function calls itself",
      "Each call needs stack of its own, so the depth must be known: recursion is not possible.",
      "write it as a loop with an array as stack, or use bpf_loop")
CAUSE("stack-depth", "the functions that are active together need more than 512 bytes of stack",
      "All frames of a call chain share 512 bytes; with tail calls 256 below the caller.",
      "move large locals to a per-CPU array of one element:\n    struct buf *b = bpf_map_lookup_elem(&scratch, &zero);\n    if (!b)\n        return 0;")
CAUSE("program-size", "the program has too many instructions",
      "A program has 1 to a million instructions (4096 without privilege).",
      "split it with tail calls, or unroll less")
CAUSE("too-many-maps", "the program uses too many maps",
      "At most 64 maps may be named by one program.", "combine maps: one map with a larger key")
CAUSE("too-many-subprogs", "the program has too many functions",
      "At most 256 functions, the program itself included.", "inline the small ones")
CAUSE("unreachable-insn", "this instruction can never be reached",
      "Code that no path leads to is a sign of a damaged program.", "remove the dead code; compile with -O2, which does")
CAUSE("out-of-memory", "verifying needs more memory than it may take",
      "States are kept while paths wait.", "make the program simpler: see too-complex")

/* ---- damaged programs ---- */
CAUSE("bad-instruction", "this is no valid instruction",
      "The operation does not exist, or a field that must be zero is not.",
      "rebuild with a current clang; -mcpu=v3 where the kernel is older than the compiler")
CAUSE("reserved-fields", "a field that must be zero is not",
      "Reserved fields must be zero, so that they can get a meaning later.", "set it to 0")
CAUSE("bad-ldimm64", "this 64-bit immediate is malformed",
      "A 64-bit immediate takes two instruction slots, of which the second is nearly empty.", "rebuild with a current clang and libbpf")
CAUSE("jump-into-ldimm64", "this jump leads into the middle of an instruction",
      "The second slot of a 64-bit immediate is no instruction.", "rebuild with a current clang")
CAUSE("jump-out-of-range", "this jump leads out of its function",
      "Jumps stay inside of a function.", "rebuild with a current clang")
CAUSE("fall-through", "the function does not end with an exit or a jump",
      "Execution would run into the next function.", "return a value at the end of the function; look for undefined behaviour, after which clang emits nothing")
CAUSE("bad-fd", "a file descriptor in the program names no map",
      "The loader puts map file descriptors into the instructions.", "load with libbpf; check that the map was created and not closed")
CAUSE("bad-btf-info", "the debug information does not fit the program",
      "func_info and line_info must be sorted and match the instructions.", "rebuild with a current clang, pahole and libbpf")
CAUSE("division-by-zero", "this divides by the constant 0",
      "Division by a register that is 0 gives 0; by an immediate 0 it is a mistake.", "test the divisor")
CAUSE("invalid-shift", "this shifts by more bits than the value has",
      "A constant shift must be smaller than the width.", "mask the shift: x << (n & 31)")
CAUSE("program-type", "this program type does not exist here",
      "The kernel does not know the program type.", "check the SEC() name and the libbpf version")
CAUSE("attach-target", "there is nothing of this name that the program could attach to",
      "fentry, fexit, tp_btf, lsm and iter programs name a function or event of the kernel that they are verified against.",
      "check the name in SEC() against that kernel's BTF: skep btf, bpftool btf dump file vmlinux")
CAUSE("later-scope", "this part of eBPF is not in Skep yet",
      "Arenas, graph objects (lists and trees), exceptions, struct_ops and freplace come later.",
      "load on Linux, or use a map in place of it")
CAUSE("unprivileged", "this needs more privilege",
      "Without CAP_BPF only a part of the language is available.", "load with CAP_BPF and CAP_PERFMON, or as root")
CAUSE("unsupported", "Skep's verifier does not support this yet",
      "It is part of Linux's language, and comes later. docs/STATUS.md lists what is missing.",
      "use another construct, or load on Linux")

/* ---- objects of the kernel on the stack ---- */
CAUSE("stack-object", "this would read or fill bytes of the stack that hold a dynptr or an iterator",
      "The bytes of a dynptr or an iterator belong to the functions made for it. The program may neither look at them nor hand them to a helper as plain memory.",
      "use the functions of the object, such as bpf_dynptr_read or bpf_iter_num_next, and keep buffers apart from it")
CAUSE("object-offset", "a dynptr or an iterator cannot be at this place of the stack",
      "It must lie in the stack as a whole, at a constant offset that is a multiple of 8.",
      "pass the address of a local variable of its type:\n    struct bpf_dynptr ptr;\n    bpf_dynptr_from_mem(data, size, 0, &ptr);")
CAUSE("dynptr-overwritten", "this store would lose a dynptr that stands for a reserved record",
      "The record must be submitted or discarded through the dynptr, or the ring stops; once overwritten nobody could do that any more.",
      "release it before the variable is used again:\n    bpf_ringbuf_discard_dynptr(&ptr, 0);")
CAUSE("dynptr-init", "this argument must be a dynptr that a helper has made, or room for a new one",
      "What bytes mean as a dynptr is known only when a helper or kfunc made them and nothing has touched them since.",
      "make it first on every path that leads here, also when making it failed:\n    bpf_ringbuf_reserve_dynptr(&ring, size, 0, &ptr);")
CAUSE("dynptr-const", "this dynptr is the caller's: it may be read, not changed or released",
      "A callback or a global function gets a pointer to a dynptr of somebody else.",
      "leave it to the one who made it; bpf_dynptr_clone gives one of your own")
CAUSE("dynptr-kind", "this function wants a dynptr of another kind",
      "Only a dynptr of a ringbuf record can be submitted or discarded.",
      "pass the dynptr that bpf_ringbuf_reserve_dynptr made")
CAUSE("iter-init", "this argument must be an iterator in another state",
      "An iterator is made by its _new function in bytes that hold none, then advanced, and destroyed once.",
      "keep to the order, with every path ending in _destroy:\n    bpf_iter_num_new(&it, 0, 10);\n    while ((v = bpf_iter_num_next(&it)))\n        ...;\n    bpf_iter_num_destroy(&it);")

/* clang-format on */

#undef CAUSE
