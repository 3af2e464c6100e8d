/* Archives of any bytes. What it holds true: however they are cut into pieces the same comes out; no file gets more bytes
 * than were announced; what is not announced is not given out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/untar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t sum, left, files;
	bool open;
};

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static void add(struct seen *s, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->sum = s->sum * 31 + ((const unsigned char *)p)[i] + 1;
}

static enum err on_begin(void *arg, const char *name, uint64_t size, struct errbuf *eb)
{
	struct seen *s = arg;

	(void)eb;
	hold(!s->open && *name && strlen(name) <= 100);
	s->open = true;
	s->left = size;
	s->files++;
	add(s, name, strlen(name));
	return ERR_OK;
}

static enum err on_data(void *arg, struct view piece, struct errbuf *eb)
{
	struct seen *s = arg;

	(void)eb;
	hold(s->open && piece.len && piece.len <= s->left);
	s->left -= piece.len;
	add(s, piece.p, piece.len);
	return ERR_OK;
}

static enum err on_end(void *arg, struct errbuf *eb)
{
	struct seen *s = arg;

	(void)eb;
	hold(s->open && s->left == 0);
	s->open = false;
	return ERR_OK;
}

static enum err run(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
	struct untar_sink sink = { on_begin, on_data, on_end, s };
	struct untar u;
	struct errbuf eb;
	enum err e = ERR_OK;

	*s = (struct seen){ 0 };
	untar_init(&u, &sink);
	for (size_t at = 0; e == ERR_OK && at < size; at += step)
		e = untar_take(&u, (struct view){ (const char *)data + at, size - at < step ? size - at : step }, &eb);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = { 1, 13, 512 };
	struct seen whole, cut;
	enum err e = run(data, size, size + 1, &whole);

	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		hold(run(data, size, steps[i], &cut) == e);
		hold(cut.sum == whole.sum && cut.files == whole.files && cut.left == whole.left);
	}
	return 0;
}
