/* Every place of the document has one parent, so the way back needs no stack:
 *
 *	TOP > DOCUMENT { "results": RESULTS [ RESULT { "series": LIST [ SERIES { "tags": TAGS {}, "columns": COLUMNS [],
 *	                                                                        "values": VALUES [ ROW [] ] } ],
 *	                                               "messages": MESSAGES [ MESSAGE {} ] } ] }
 *
 * What stands anywhere else is skipped. Whether a series goes on in the next document is only known at its end ("partial"),
 * and whether it did, when the next one has begun. */
#include "cli/answer.h"

#include <stdio.h>
#include <stdlib.h>

enum place { TOP, DOCUMENT, RESULTS, RESULT, LIST, SERIES, TAGS, COLUMNS, VALUES, ROW, MESSAGES, MESSAGE, PLACES };

static const struct {
	const char *key; /* under which it stands in its parent; NULL: in a list */
	enum place parent;
	bool object;
} places[PLACES] = {
	[DOCUMENT] = { NULL, TOP, true },
	[RESULTS] = { "results", DOCUMENT, false },
	[RESULT] = { NULL, RESULTS, true },
	[LIST] = { "series", RESULT, false },
	[SERIES] = { NULL, LIST, true },
	[TAGS] = { "tags", SERIES, true },
	[COLUMNS] = { "columns", SERIES, false },
	[VALUES] = { "values", SERIES, false },
	[ROW] = { NULL, VALUES, false },
	[MESSAGES] = { "messages", RESULT, false },
	[MESSAGE] = { NULL, MESSAGES, true },
};

enum { HEAD_MAX = 16 << 20, ROW_MAX = 64 << 20, CELLS_MAX = 65536 };

/* Texts one after the other in a buffer that may move: views are made when all is there. */
struct texts {
	struct buf bytes;
	struct {
		size_t at, len;
		enum answer_kind kind;
	} * list;
	unsigned count, cap;
};

struct head { /* of a series */
	uint32_t statement;
	struct texts name, tags, columns; /* tags: key, value, key, … */
};

struct answer {
	const struct answer_sink *sink;
	struct jstream in;
	enum place place;
	unsigned skipped; /* brackets within what is skipped */
	char key[16]; /* of the member at hand; what is longer is none of ours */
	struct head now, before; /* before: of the series that is open */
	struct texts row;
	struct answer_cell *cells;
	struct answer_tag *tag_list;
	struct view *column_list;
	uint32_t statement;
	bool open; /* a series was begun and not ended */
	bool begun; /* this document's */
	bool partial; /* it said so of itself */
	struct errbuf why;
	enum err e;
};

static bool fail(struct answer *a, enum err e, const char *why)
{
	if (a->e == ERR_OK)
		a->e = errbuf_set(&a->why, e, "%s", why);
	return false;
}

/* ---- texts ---- */

static void texts_clear(struct texts *t)
{
	buf_clear(&t->bytes);
	t->count = 0;
}

static bool texts_add(struct answer *a, struct texts *t, enum answer_kind kind, struct view v)
{
	if (t->count == t->cap) {
		unsigned cap = t->cap ? t->cap * 2 : 16;
		void *more = cap > CELLS_MAX ? NULL : realloc(t->list, cap * sizeof *t->list);
		if (!more)
			return fail(a, ERR_TOOBIG, "the answer has too many columns; name those you need");
		t->list = more;
		t->cap = cap;
	}
	t->list[t->count].at = t->bytes.len;
	t->list[t->count].len = v.len;
	t->list[t->count++].kind = kind;
	if (v.len)
		buf_view(&t->bytes, v);
	return !t->bytes.failed || fail(a, ERR_TOOBIG, "a row of the answer is too long; name the columns you need");
}

static struct view texts_get(const struct texts *t, unsigned i)
{
	return t->list[i].len ? (struct view){ t->bytes.p + t->list[i].at, t->list[i].len } : (struct view){ "", 0 };
}

static bool texts_equal(const struct texts *a, const struct texts *b)
{
	bool same = a->count == b->count;

	for (unsigned i = 0; same && i < a->count; i++)
		same = view_eq(texts_get(a, i), texts_get(b, i));
	return same;
}

/* ---- series ---- */

static void head_init(struct head *h)
{
	buf_init(&h->name.bytes, HEAD_MAX);
	buf_init(&h->tags.bytes, HEAD_MAX);
	buf_init(&h->columns.bytes, HEAD_MAX);
}

static void head_fini(struct head *h)
{
	struct texts *all[] = { &h->name, &h->tags, &h->columns };

	for (int i = 0; i < 3; i++) {
		buf_fini(&all[i]->bytes);
		free(all[i]->list);
	}
}

static void head_clear(struct head *h)
{
	texts_clear(&h->name);
	texts_clear(&h->tags);
	texts_clear(&h->columns);
}

static bool end_series(struct answer *a)
{
	bool open = a->open;

	a->open = false;
	return !open || a->sink->series_end(a->sink->arg) || fail(a, ERR_CLOSED, "stopped");
}

static bool make_lists(struct answer *a)
{
	struct head *h = &a->before;
	unsigned columns = h->columns.count, tags = h->tags.count / 2;

	free(a->cells);
	free(a->tag_list);
	free(a->column_list);
	a->cells = calloc(columns + 1, sizeof *a->cells);
	a->tag_list = calloc(tags + 1, sizeof *a->tag_list);
	a->column_list = calloc(columns + 1, sizeof *a->column_list);
	if (!a->cells || !a->tag_list || !a->column_list)
		return fail(a, ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < columns; i++)
		a->column_list[i] = texts_get(&h->columns, i);
	for (unsigned i = 0; i < tags; i++)
		a->tag_list[i] = (struct answer_tag){ texts_get(&h->tags, 2 * i), texts_get(&h->tags, 2 * i + 1) };
	return true;
}

/* The head is known: another series, or more of the one that is open? */
static bool begin_series(struct answer *a)
{
	struct head *now = &a->now, *before = &a->before, swap;

	a->begun = true;
	now->statement = a->statement;
	if (a->open && now->statement == before->statement && texts_equal(&now->name, &before->name) &&
	    texts_equal(&now->tags, &before->tags) && texts_equal(&now->columns, &before->columns))
		return true;
	if (!end_series(a))
		return false;
	swap = *before;
	*before = *now;
	*now = swap;
	if (!make_lists(a))
		return false;
	struct answer_series s = { .statement = before->statement,
		.name = before->name.count ? texts_get(&before->name, 0) : (struct view){ "", 0 },
		.tags = a->tag_list,
		.tag_count = before->tags.count / 2,
		.columns = a->column_list,
		.column_count = before->columns.count };
	a->open = true;
	return a->sink->series(a->sink->arg, &s) || fail(a, ERR_CLOSED, "stopped");
}

static bool tell_row(struct answer *a)
{
	unsigned n = a->before.columns.count;

	if (a->row.count != n)
		return fail(a, ERR_INVALID, "a row of the answer has not as many values as there are columns");
	for (unsigned i = 0; i < n; i++)
		a->cells[i] = (struct answer_cell){ a->row.list[i].kind, texts_get(&a->row, i) };
	return a->sink->row(a->sink->arg, a->cells) || fail(a, ERR_CLOSED, "stopped");
}

/* ---- events ---- */

static bool enter(struct answer *a, enum place p)
{
	a->place = p;
	if (p == RESULT) {
		a->statement = 0;
	} else if (p == SERIES) {
		head_clear(&a->now);
		a->begun = a->partial = false;
	} else if (p == ROW) {
		texts_clear(&a->row);
	} else if (p == VALUES && a->now.columns.count == 0) {
		return fail(a, ERR_INVALID, "the answer has values before columns");
	} else if (p == VALUES) {
		return begin_series(a);
	}
	return true;
}

static bool leave(struct answer *a)
{
	enum place p = a->place;

	a->place = places[p].parent;
	if (p == ROW)
		return tell_row(a);
	if (p != SERIES)
		return true;
	/* a series of no rows has columns all the same */
	if (!a->begun && a->now.columns.count && !begin_series(a))
		return false;
	return a->partial || end_series(a);
}

static bool on_bracket(struct answer *a, bool object)
{
	if (a->place == ROW || a->place == COLUMNS || a->place == TAGS || (a->place == TOP && !object))
		return fail(a, ERR_INVALID, "the answer is not InfluxDB's: a bracket where a value belongs");
	for (int p = DOCUMENT; !a->skipped && p < PLACES; p++) {
		const char *key = places[p].key;
		if (places[p].parent == a->place && places[p].object == object && (!key || !strcmp(key, a->key)))
			return enter(a, (enum place)p);
	}
	a->skipped++;
	return true;
}

static bool on_value(struct answer *a, enum answer_kind kind, struct view text)
{
	bool string = kind == ANSWER_STRING;

	switch (a->place) {
	case ROW:
		return texts_add(a, &a->row, kind, text);
	case COLUMNS:
		return texts_add(a, &a->now.columns, kind, text);
	case TAGS:
		return texts_add(a, &a->now.tags, kind, text);
	case SERIES:
		if (!strcmp(a->key, "name"))
			return texts_add(a, &a->now.name, kind, text);
		if (!strcmp(a->key, "partial"))
			a->partial = view_is(text, "true");
		return true;
	case RESULT:
		if (!strcmp(a->key, "statement_id") && kind == ANSWER_NUMBER && text.len < 10)
			for (size_t i = 0; i < text.len; i++)
				a->statement = a->statement * 10 + (uint32_t)(text.p[i] - '0');
		/* fallthrough */
	case DOCUMENT:
		if (!strcmp(a->key, "error") && string)
			a->sink->error(a->sink->arg, text);
		return true;
	case MESSAGE:
		if (!strcmp(a->key, "text") && string)
			a->sink->warning(a->sink->arg, text);
		return true;
	case TOP:
		return fail(a, ERR_INVALID, "the answer is not InfluxDB's");
	default:
		return true;
	}
}

static bool on_key(struct answer *a, struct view text)
{
	if (a->place == TAGS)
		return texts_add(a, &a->now.tags, ANSWER_STRING, text);
	snprintf(a->key, sizeof a->key, "%.*s", text.len < sizeof a->key ? (int)text.len : 0, text.p ? text.p : "");
	return true;
}

static bool on_event(void *arg, enum jstream_event e, struct view text)
{
	struct answer *a = arg;

	switch (e) {
	case JSTREAM_OBJECT:
	case JSTREAM_ARRAY:
		return on_bracket(a, e == JSTREAM_OBJECT);
	case JSTREAM_OBJECT_END:
	case JSTREAM_ARRAY_END:
		if (!a->skipped)
			return leave(a);
		a->skipped--;
		return true;
	case JSTREAM_KEY:
		return a->skipped || on_key(a, text);
	case JSTREAM_STRING:
		return a->skipped || on_value(a, ANSWER_STRING, text);
	case JSTREAM_NUMBER:
		return a->skipped || on_value(a, ANSWER_NUMBER, text);
	case JSTREAM_TRUE:
		return a->skipped || on_value(a, ANSWER_BOOLEAN, view_of("true"));
	case JSTREAM_FALSE:
		return a->skipped || on_value(a, ANSWER_BOOLEAN, view_of("false"));
	case JSTREAM_NULL:
		return a->skipped || on_value(a, ANSWER_NULL, (struct view){ "", 0 });
	}
	return true;
}

/* ---- the interface ---- */

struct answer *answer_new(const struct answer_sink *sink)
{
	struct answer *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	a->sink = sink;
	jstream_init(&a->in, on_event, a);
	head_init(&a->now);
	head_init(&a->before);
	buf_init(&a->row.bytes, ROW_MAX);
	return a;
}

void answer_free(struct answer *a)
{
	if (!a)
		return;
	jstream_fini(&a->in);
	head_fini(&a->now);
	head_fini(&a->before);
	buf_fini(&a->row.bytes);
	free(a->row.list);
	free(a->cells);
	free(a->tag_list);
	free(a->column_list);
	free(a);
}

static enum err outcome(struct answer *a, bool good, struct errbuf *eb)
{
	if (!good)
		fail(a, ERR_INVALID, "the answer is not InfluxDB's JSON, or ends too early");
	return a->e == ERR_OK ? ERR_OK : errbuf_set(eb, a->e, "%s", a->why.text);
}

enum err answer_take(struct answer *a, struct view piece, struct errbuf *eb)
{
	return outcome(a, jstream_take(&a->in, piece), eb);
}

enum err answer_end(struct answer *a, struct errbuf *eb)
{
	enum err e = outcome(a, jstream_end(&a->in), eb);

	return e == ERR_OK ? outcome(a, end_series(a), eb) : e;
}

bool answer_is_cut(const struct answer *a)
{
	return a->partial;
}
