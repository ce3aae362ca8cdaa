/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A test script under way: where it stands, and the words its lines are made of. What a line
 * does is in cmd_test.c, test_inputs.c and test_expect.c.
 */
#ifndef SKEP_TOOLS_TEST_SCRIPT_H
#define SKEP_TOOLS_TEST_SCRIPT_H

#include "test_run.h"

#include <stdio.h>

struct script {
	const char *path;
	FILE *file;
	int line;
	char text[8192];
	struct test_setup setup;
	struct test_run run;
	bool open;      /* a test is under way */
	bool unusable;  /* a line could not be understood: nothing after it means anything */
	char name[256]; /* of the test */
	int failures;   /* of the test */
	int passed, failed;
};

/* The running test fails, and goes on. */
PRINTF_LIKE(2, 3) void failure(struct script *s, const char *fmt, ...);
/* The script is wrong: everything stops. */
PRINTF_LIKE(2, 3) void misuse(struct script *s, const char *fmt, ...);

const char *skip_blanks(const char *at);
/* Copies the next word to out; *at moves behind it and the blanks after it. */
bool take_word(const char **at, char *out, size_t size);
bool take_char(const char **at, char c);
bool take_keyword(const char **at, const char *keyword);
/* Nothing is left of the line; else misuse. */
bool at_end(struct script *s, const char *at);
/* A value of that type (value.h); else misuse. */
bool parse(struct script *s, const char **at, const struct btf *btf, u32 type, void *out, u32 size);

/* Calls the action whose word comes next; false when there is none. */
struct action {
	const char *word;
	void (*act)(struct script *s, const char *at);
};
bool dispatch(struct script *s, const struct action *actions, size_t n, const char *at);

/* ---- operands that inputs and expectations share: false after misuse ---- */

struct element {
	const struct loader_map *map;
	u8 key[1024];
	bool has_key;
};

/* "NAME [KEY]", or "NAME" alone */
bool take_element(struct script *s, const char **at, struct element *e);
/* Room for all copies of a value (per-CPU maps have several), zeroed; freed by the caller. */
u8 *value_buffer(const struct script *s, const struct loader_map *map);
bool is_percpu(u32 type);
u32 copies_of(const struct script *s, const struct loader_map *map);
u32 stride_of(const struct loader_map *map);
/* Hex bytes, or "file PATH" from where skep runs; appends at *len. */
bool take_packet(struct script *s, const char *at, u8 *out, u32 *len);
/* A context member: of the first program that has one of that name, or "PROGRAM.MEMBER". */
bool take_member(struct script *s, const char **at, struct btf_field *field, u32 *ctx_size);
/* The declared pointer member of that name (its memory is meant), or NULL. */
struct test_pointer *pointer_named(struct script *s, const char *at);
/* Text or hex: into plain memory. */
bool take_memory(struct script *s, const char **at, u8 *out, u32 size);

/* ---- what lines do ---- */

void do_map(struct script *s, const char *at);
void do_packet(struct script *s, const char *at);
void do_ctx(struct script *s, const char *at);
void do_run(struct script *s, const char *at);
void do_expect(struct script *s, const char *at);

#endif
