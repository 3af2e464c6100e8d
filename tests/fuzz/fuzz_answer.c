/* Answers to /query of any bytes, shown as a table. What it holds true: however they are cut into pieces the same comes out;
 * rows have as many cells as columns; nothing gets to a terminal that is not printable. */
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOWN_MAX = 64 << 20 };

struct seen {
	struct show *show;
	struct buf text;
	unsigned columns;
	bool open;
};

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static bool on_text(void *arg, struct view v)
{
	struct seen *s = arg;

	for (size_t i = 0; i < v.len; i++)
		hold(v.p[i] == '\n' || ((unsigned char)v.p[i] >= ' ' && v.p[i] != 0x7f));
	buf_view(&s->text, v);
	return !s->text.failed;
}

static bool on_series(void *arg, const struct answer_series *series)
{
	struct seen *s = arg;

	hold(!s->open);
	s->open = true;
	s->columns = series->column_count;
	return show_answer_series(s->show, series);
}

static bool on_row(void *arg, const struct answer_cell *cells)
{
	struct seen *s = arg;
	size_t bytes = 0;

	hold(s->open);
	for (unsigned i = 0; i < s->columns; i++)
		bytes += cells[i].text.len;
	hold(bytes <= JSTREAM_TEXT_MAX);
	return show_answer_row(s->show, cells);
}

static bool on_end(void *arg)
{
	struct seen *s = arg;

	hold(s->open);
	s->open = false;
	return show_series_end(s->show);
}

static void on_words(void *arg, struct view text)
{
	struct seen *s = arg;

	buf_printf(&s->text, "<%zu>", text.len);
}

static enum err run(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
	static const struct terminal terminal = { .is_terminal = true, .width = 40, .height = 10, .utf8 = true };
	struct show_opts o = { SHOW_TABLE, SHOW_TIME_LOCAL, &terminal, on_text, s };
	struct answer_sink sink = { on_series, on_row, on_end, on_words, on_words, s };
	struct answer *a = answer_new(&sink);
	struct errbuf eb;
	enum err e = ERR_OK;

	*s = (struct seen){ .show = show_new(&o) };
	buf_init(&s->text, SHOWN_MAX);
	hold(a && s->show);
	for (size_t at = 0; e == ERR_OK && at < size; at += step)
		e = answer_take(a, (struct view){ (const char *)data + at, size - at < step ? size - at : step }, &eb);
	if (e == ERR_OK)
		e = answer_end(a, &eb);
	answer_free(a);
	show_free(s->show);
	return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = { 1, 13 };
	struct seen whole, cut;

	hold(setlocale(LC_CTYPE, "C.UTF-8"));
	enum err e = run(data, size, size + 1, &whole);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		hold(run(data, size, steps[i], &cut) == e);
		hold(view_eq((struct view){ cut.text.p, cut.text.len }, (struct view){ whole.text.p, whole.text.len }));
		buf_fini(&cut.text);
	}
	buf_fini(&whole.text);
	return 0;
}
