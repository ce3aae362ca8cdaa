/* SPDX-License-Identifier: Apache-2.0 */
#include "test_script.h"
#include "value.h"

#include "base/str.h"
#include "kernel/kernel.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The test fails, and goes on. */
void failure(struct script *s, const char *fmt, ...)
{
	va_list args;

	s->failures++;
	printf("# %s:%d: ", s->path, s->line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/* The file is wrong: everything stops. */
void misuse(struct script *s, const char *fmt, ...)
{
	va_list args;

	s->unusable = true;
	fprintf(stderr, "skep test: %s:%d: ", s->path, s->line);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
}

const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

/* Copies the next word to out; *at moves behind it and the blanks after it. */
bool take_word(const char **at, char *out, size_t size)
{
	const char *from = skip_blanks(*at);
	size_t n = 0;

	while (from[n] && !isspace((unsigned char)from[n]) && !strchr("[]=,", from[n]))
		n++;
	if (!n || n >= size)
		return false;
	memcpy(out, from, n);
	out[n] = 0;
	*at = skip_blanks(from + n);
	return true;
}

bool take_char(const char **at, char c)
{
	const char *from = skip_blanks(*at);

	if (*from != c)
		return false;
	*at = skip_blanks(from + 1);
	return true;
}

bool take_keyword(const char **at, const char *keyword)
{
	const char *from = *at;
	char word[32];

	if (take_word(&from, word, sizeof(word)) && str_eq(word, keyword)) {
		*at = from;
		return true;
	}
	return false;
}

bool at_end(struct script *s, const char *at)
{
	if (!*skip_blanks(at))
		return true;
	misuse(s, "\"%s\" is too much here", at);
	return false;
}

bool parse(struct script *s, const char **at, const struct btf *btf, u32 type, void *out, u32 size)
{
	struct value_error error;

	if (!value_parse(at, btf, type, out, size, &error))
		return true;
	misuse(s, "%s", error.message);
	return false;
}

bool dispatch(struct script *s, const struct action *actions, size_t n, const char *at)
{
	char word[32];

	if (!take_word(&at, word, sizeof(word)))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (str_eq(actions[i].word, word)) {
			actions[i].act(s, at);
			return true;
		}
	}
	return false;
}
