/* Answers to writes of any bytes. What it holds true: lines that are named lie among those that were sent, each once, in
 * order; their text is readable to its end; what a cut off body names the whole one names too. The first byte says how
 * many lines were sent. */
#include <stdint.h>
#include <stdlib.h>

#include "flow/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static unsigned sum_of(struct view v)
{
	unsigned sum = 0;

	for (size_t i = 0; i < v.len; i++)
		sum += (unsigned char)v.p[i];
	return sum;
}

static void check(const struct answer_lines *l, uint32_t sent, struct view body)
{
	unsigned sum = 0; /* all bytes are looked at: a sanitizer sees one too far */

	hold(l->count > 0 && l->count <= ANSWER_LINES_MAX);
	for (uint32_t i = 0; i < l->count; i++) {
		hold(l->lines[i].number >= 1 && l->lines[i].number <= sent);
		hold(!i || l->lines[i].number > l->lines[i - 1].number);
		sum += sum_of(l->lines[i].original) + sum_of(l->lines[i].reason);
		sum += answer_line_is(&l->lines[i], body);
		hold(answer_line_is(&l->lines[i], l->lines[i].original));
	}
	hold(sum < UINT32_MAX);
}

static bool names(const struct answer_lines *l, uint32_t number)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->lines[i].number == number)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer_lines whole, cut;
	uint32_t sent = size ? data[0] : 0;
	struct view body = { size ? (const char *)data + 1 : "", size ? size - 1 : 0 };
	static const int statuses[] = { 0, 200, 204, 400, 401, 404, 422, 500 };

	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		hold(answer_of(statuses[i], body) <= ANSWER_UNCLEAR);
	hold(answer_of(401, body) == ANSWER_HELD && answer_of(200, (struct view){ "", 0 }) == ANSWER_DELIVERED);
	answer_lines_init(&whole);
	answer_lines_init(&cut);
	bool named = answer_lines_read(&whole, body, sent);
	if (named)
		check(&whole, sent, body);
	for (size_t n = body.len / 2; n < body.len; n += 1 + body.len / 7) {
		if (!answer_lines_read(&cut, (struct view){ body.p, n }, sent))
			continue;
		check(&cut, sent, body);
		for (uint32_t i = 0; i < cut.count; i++)
			hold(named && names(&whole, cut.lines[i].number));
	}
	answer_lines_fini(&whole);
	answer_lines_fini(&cut);
	return 0;
}
