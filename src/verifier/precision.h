/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which numbers the proof depends on.
 *
 * A remembered state (checkpoint) proves that everything from here on is safe. That proof
 * used the bounds of some scalars (an index into a map, a loop counter whose branch was
 * decided) and of others not; those may have any value, and a state that differs only in
 * them need not be explored again. Linux finds the used ones by walking the executed
 * instructions backwards. Here the same is a graph that grows forwards: each scalar
 * carries a node (reg->dep), an operation on two scalars joins their nodes, a copy or a
 * spill shares it, and a checkpoint gives every live scalar a fresh node whose parent is
 * the one it had. To mark a value precise is to mark its node and all its ancestors:
 *
 *	a scalar of a checkpoint is precise  <=>  its node is marked
 *
 * This is sound when each new scalar's node reaches the nodes of all scalars that its
 * bounds were computed from: that is the duty of whoever makes one. Node 0 stands for "depends on
 * nothing": constants of the program and values of which nothing is known.
 */
#ifndef SKEP_VERIFIER_PRECISION_H
#define SKEP_VERIFIER_PRECISION_H

#include "base/vec.h"

struct dep_node {
	u32 a, b;  /* parents, 0: none */
	u32 edges : 31; /* first of more parents, in edges[]; 0: none */
	u32 precise : 1;
};

struct dep_edge {
	u32 to, next;
};

struct deps {
	VEC(struct dep_node) nodes;
	VEC(struct dep_edge) edges;
	VEC(u32) todo;
	size_t limit; /* of nodes, and of edges; 0: none */
	bool failed;  /* out of memory, or over the limit: the verifier must stop */
};

static inline size_t deps_memory(const struct deps *deps)
{
	return deps->nodes.cap * sizeof(struct dep_node) + deps->edges.cap * sizeof(struct dep_edge) +
	       deps->todo.cap * sizeof(u32);
}

void deps_release(struct deps *deps);

/* A node with that parent (which may be 0). */
u32 dep_fresh(struct deps *deps, u32 parent);
/* The node of a value made of both. */
u32 dep_join(struct deps *deps, u32 a, u32 b);
/* The proof depends on this value's bounds. */
void dep_mark(struct deps *deps, u32 node);
/* If from is or becomes precise, so does to (a path that was cut at an unfinished state). */
void dep_follow(struct deps *deps, u32 from, u32 to);

static inline bool dep_is_precise(const struct deps *deps, u32 node)
{
	return node && deps->nodes.data[node].precise;
}

#endif
