/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted text without libc: a bounded buffer that counts what did not fit.
 * The formats are those of printf that the core needs: %% %c %s %.*s %d %i %u %x %X %o %p,
 * lengths hh h l ll z t j, flags '-' '0' '+' ' ' '#', width and precision.
 */
#ifndef SKEP_BASE_TEXT_H
#define SKEP_BASE_TEXT_H

#include "base/types.h"

struct text {
	char *buf;
	size_t size; /* of buf; the text is always terminated when size > 0 */
	size_t len;  /* of the whole text, also what did not fit; may be set back to drop text */
	size_t peak; /* the largest len so far */
	/*
	 * Keep the end of a text that does not fit instead of its beginning (the verifier's log).
	 * While it is written byte i of the text is at buf[i % (size - 1)], if it is still there;
	 * text_unroll puts it straight and terminates it.
	 */
	bool keep_end;
	size_t start; /* first byte that is still there */
};

static inline struct text text_in(char *buf, size_t size)
{
	if (size)
		buf[0] = 0;
	return (struct text){ .buf = buf, .size = size };
}

void text_unroll(struct text *text);
void text_bytes(struct text *text, const char *bytes, size_t n);
void text_put(struct text *text, const char *s);
PRINTF_LIKE(2, 3) void text_printf(struct text *text, const char *fmt, ...);
void text_vprintf(struct text *text, const char *fmt, va_list args);

/* snprintf's contract: the length the whole text has. */
PRINTF_LIKE(3, 4) size_t text_format(char *buf, size_t size, const char *fmt, ...);

#endif
