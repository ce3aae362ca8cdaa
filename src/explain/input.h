/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program's run depends on, as bytes: streams, each found or made when the run first
 * asks for it. The same input gives the same run.
 */
#ifndef SKEP_EXPLAIN_INPUT_H
#define SKEP_EXPLAIN_INPUT_H

#include "base/text.h"
#include "base/types.h"
#include "base/vec.h"

/* INPUT_STREAM(enumerator, word in the text form) */
#define INPUT_STREAMS(X)                                                                           \
	X(STREAM_CTX, "ctx")		   /* bytes of the context */                              \
	X(STREAM_PACKET, "packet")	   /* a: how often the packet moved before */              \
	X(STREAM_PACKET_LEN, "packet-len") /* a: the same; 2 bytes */                              \
	X(STREAM_ENTRY, "map-entry")	   /* a: map, b: number of the key; is there one? */       \
	X(STREAM_VALUE, "map-value")	   /* a: map, b: number of the key */                      \
	X(STREAM_RESULT, "result")	   /* a: instruction, b: which call of it */               \
	X(STREAM_FILLED, "filled")	   /* memory that a call filled: a: number of the call */  \
	X(STREAM_ARG, "arg")		   /* a: argument of a global function */                  \
	X(STREAM_MEM, "memory")		   /* a: number of the object: kernel memory */

enum stream_kind {
#define X(name, word) name,
	INPUT_STREAMS(X)
#undef X
	STREAM_KINDS
};

struct stream {
	u8 kind;
	u32 a, b;
	u32 size;
	u32 first; /* byte 0 is input->bytes[first]: the number of its symbol */
	u32 used;  /* bytes from the start that runs have looked at */
	u8 key[32]; /* STREAM_ENTRY, STREAM_VALUE: of the last run */
	u8 key_size;
	u32 line;  /* of the source that asked, for people; 0: not known */
	bool has_shown;
	s64 shown; /* STREAM_RESULT: what the program then got */
	char who[48]; /* "map counts", "bpf_get_prandom_u32()" */
};

/* How bytes that nobody chose come about. */
enum input_style {
	STYLE_ZERO,
	STYLE_ONES,
	STYLE_SMALL,
	STYLE_RANDOM,
	STYLE_COUNT
};

struct input {
	VEC(struct stream) streams;
	VEC(u8) bytes;
	u64 random;
	u8 style;
};

#define INPUT_MAX_STREAMS 512
#define INPUT_MAX_BYTES	  65536

/* Index of the stream; made when it is new. UINT32_MAX: too many. */
u32 input_stream(struct input *input, enum stream_kind kind, u32 a, u32 b, u32 size);
u32 input_random(struct input *input);
/* Forgets all streams; those made from now on are of that style. */
void input_reset(struct input *input, enum input_style style, u64 seed);
bool input_copy(struct input *to, const struct input *from);
void input_release(struct input *input);

/* A line for each stream: kind a b = bytes in hex. */
void input_text(const struct input *input, struct text *out);
/* 0, or -EINVAL. */
int input_parse(struct input *input, const char *text);
/* For people. */
void input_describe(const struct input *input, struct text *out);
/* The same as a JSON array. */
void input_json(const struct input *input, struct text *out);

#endif
