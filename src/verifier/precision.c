/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/precision.h"

void deps_release(struct deps *deps)
{
	vec_release(&deps->nodes);
	vec_release(&deps->edges);
	vec_release(&deps->todo);
}

/* edges has 31 bits. */
static size_t deps_limit(const struct deps *deps)
{
	return deps->limit ? deps->limit : INT32_MAX;
}

static u32 node_add(struct deps *deps, u32 a, u32 b)
{
	static const struct dep_node none;

	/* Index 0 means "nothing" in both tables. */
	if (!deps->nodes.len && !vec_push(&deps->nodes, none))
		goto failed;
	if (deps->nodes.len >= deps_limit(deps) ||
	    !vec_push(&deps->nodes, (struct dep_node){ .a = a, .b = b }))
		goto failed;
	return (u32)deps->nodes.len - 1;
failed:
	deps->failed = true;
	return 0;
}

u32 dep_fresh(struct deps *deps, u32 parent)
{
	return node_add(deps, parent, 0);
}

u32 dep_join(struct deps *deps, u32 a, u32 b)
{
	if (!a || a == b)
		return b;
	if (!b)
		return a;
	/* A marked parent has nothing left to learn. */
	if (dep_is_precise(deps, a))
		return dep_is_precise(deps, b) ? 0 : b;
	if (dep_is_precise(deps, b))
		return a;
	return node_add(deps, a, b);
}

static void todo_push(struct deps *deps, u32 node)
{
	if (!node || deps->nodes.data[node].precise)
		return;
	deps->nodes.data[node].precise = 1;
	if (!vec_push(&deps->todo, node))
		deps->failed = true;
}

void dep_mark(struct deps *deps, u32 node)
{
	todo_push(deps, node);
	while (deps->todo.len) {
		struct dep_node *n = &deps->nodes.data[vec_pop(&deps->todo)];

		for (u32 e = n->edges; e; e = deps->edges.data[e].next)
			todo_push(deps, deps->edges.data[e].to);
		todo_push(deps, n->a);
		todo_push(deps, n->b);
	}
}

void dep_follow(struct deps *deps, u32 from, u32 to)
{
	static const struct dep_edge none;
	struct dep_node *node;

	if (!from || !to || from == to || dep_is_precise(deps, to))
		return;
	node = &deps->nodes.data[from];
	if (node->precise) {
		dep_mark(deps, to);
		return;
	}
	if ((!deps->edges.len && !vec_push(&deps->edges, none)) ||
	    deps->edges.len >= deps_limit(deps) ||
	    !vec_push(&deps->edges, (struct dep_edge){ .to = to, .next = node->edges })) {
		deps->failed = true;
		return;
	}
	node->edges = (u32)deps->edges.len - 1;
}
