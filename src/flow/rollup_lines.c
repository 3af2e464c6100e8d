#include "flow/rollup_lines.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "store/rows.h"

enum { SERIES_AT_A_TIME = 64, ARENA_MAX = 64 << 20, TEXT_MAX = 256 << 20, LISTS_MAX = 4096 };

enum err rollup_lines_init(struct rollup_lines *l, struct store_reader *reader, size_t max_bytes, struct errbuf *eb)
{
	*l = (struct rollup_lines){ .reader = reader };
	arena_init(&l->arena, 256 << 10, max_bytes ? max_bytes : ARENA_MAX);
	buf_init(&l->text, TEXT_MAX);
	return block_unpacker_new(&l->unpacker) == ERR_OK ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
}

void rollup_lines_fini(struct rollup_lines *l)
{
	block_unpacker_free(l->unpacker);
	arena_fini(&l->arena);
	buf_fini(&l->text);
	free(l->line);
	*l = (struct rollup_lines){ 0 };
}

/* ---- one series as text ---- */

static double number(enum value_type type, uint64_t bits)
{
	double v;

	if (type == VALUE_INTEGER)
		return (double)(int64_t)bits;
	if (type == VALUE_UNSIGNED)
		return (double)bits;
	memcpy(&v, &bits, sizeof v);
	return v;
}

static void put_value(struct buf *b, enum value_type type, uint64_t bits)
{
	if (type == VALUE_FLOAT)
		buf_double(b, number(type, bits));
	else if (type == VALUE_BOOLEAN)
		buf_str(b, bits ? "true" : "false");
	else if (type == VALUE_UNSIGNED)
		buf_u64(b, bits);
	else
		buf_i64(b, (int64_t)bits);
	if (type == VALUE_INTEGER || type == VALUE_UNSIGNED)
		buf_char(b, type == VALUE_INTEGER ? 'i' : 'u');
}

static void put_name(struct buf *b, char *separator, struct view field, const char *suffix)
{
	buf_char(b, *separator);
	*separator = ',';
	buf_view(b, field);
	buf_str(b, suffix);
	buf_char(b, '=');
}

static bool has(const struct rows_column *c, uint32_t row)
{
	return c && (!c->present || c->present[row]);
}

/* A sum of floats may have become infinite, which no server takes. */
static void put_figure(
    struct buf *b, char *separator, struct view field, const char *suffix, const struct rows_column *c, uint32_t row)
{
	enum value_type type = c->kind == COLUMN_COUNT ? VALUE_INTEGER : c->type;

	if (type == VALUE_STRING || (type == VALUE_FLOAT && !isfinite(number(type, c->bits[row]))))
		return;
	put_name(b, separator, field, suffix);
	put_value(b, type, c->bits[row]);
}

static void put_field(struct buf *b, char *separator, const struct rows *r, const struct field *f, uint32_t row)
{
	static const struct {
		enum column_kind kind;
		const char *suffix;
	} kinds[] = { { COLUMN_COUNT, "_count" }, { COLUMN_SUM, "_sum" }, { COLUMN_MIN, "_min" },
		{ COLUMN_MAX, "_max" }, { COLUMN_FIRST, "_first" }, { COLUMN_LAST, "_last" } };
	const struct rows_column *count = rows_find_column(r, f->index, COLUMN_COUNT),
				 *sum = rows_find_column(r, f->index, COLUMN_SUM);

	if (!has(count, row) || !count->bits[row])
		return;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		const struct rows_column *c = rows_find_column(r, f->index, kinds[k].kind);
		if (has(c, row))
			put_figure(b, separator, f->name, kinds[k].suffix, c, row);
	}
	double mean = has(sum, row) ? number(sum->type, sum->bits[row]) / (double)count->bits[row] : NAN;
	if (isfinite(mean)) {
		put_name(b, separator, f->name, "_mean");
		buf_double(b, mean);
	}
}

static bool room_for_line(struct rollup_lines *l)
{
	if (l->count < l->room)
		return true;
	uint32_t room = l->room ? l->room * 2 : 1024;
	struct rollup_line *more = realloc(l->line, room * sizeof *more);
	if (!more)
		return false;
	l->line = more;
	l->room = room;
	return true;
}

static bool put_row(struct rollup_lines *l, enum tier tier, const struct series *s, const struct rows *r, uint32_t row)
{
	const struct catalogue_layout *layout = measurement_layout(s->measurement);
	struct view name = measurement_name(s->measurement);
	struct buf *b = &l->text;
	size_t before = b->len;
	char separator = ' ';

	if (!room_for_line(l))
		return false;
	buf_view(b, name);
	buf_char(b, '_');
	buf_str(b, tier_name(tier));
	buf_append(b, s->key.p + name.len, s->key.len - name.len);
	size_t key_len = b->len - before;
	for (uint32_t i = 0; i < layout->count; i++)
		put_field(b, &separator, r, layout->fields[i], row);
	if (separator == ' ') {
		b->len = before;
		return !b->failed;
	}
	buf_char(b, ' ');
	buf_i64(b, r->times[row]);
	buf_char(b, '\n');
	l->line[l->count++] = (struct rollup_line){ (uint32_t)b->len, (uint32_t)key_len };
	return !b->failed;
}

/* ---- reading ---- */

struct lists { /* of up to SERIES_AT_A_TIME series, what each item has of them */
	struct rows *rows[SERIES_AT_A_TIME];
	uint32_t count[SERIES_AT_A_TIME];
};

/* The item's chunks of ordinals [first, first + n). */
static enum err read_item(struct rollup_lines *l, const struct store_item *item, uint32_t item_count, uint32_t first,
    uint32_t n, struct lists *lists, struct errbuf *eb)
{
	struct block_source bytes;
	struct block b;
	enum err e = store_reader_source(l->reader, item, &bytes, eb);

	if (e == ERR_OK)
		e = block_open(&b, bytes, &l->arena);
	if (e != ERR_OK)
		return e;
	const struct block_wanted wanted = { .from = block_find(&b, first), .to = block_find(&b, first + n) };
	uint32_t chunks = wanted.to - wanted.from;
	struct rows *rows = arena_alloc(&l->arena, (chunks + 1) * sizeof *rows, 16);
	if (!rows)
		return ERR_TOOBIG;
	e = chunks ? block_read(&b, &wanted, l->unpacker, &l->arena, rows) : ERR_OK;
	for (uint32_t i = 0; e == ERR_OK && i < chunks; i++) {
		uint32_t at = b.series[wanted.from + i].ordinal - first;
		if (!lists->rows[at])
			lists->rows[at] = arena_alloc(&l->arena, item_count * sizeof(struct rows), 16);
		if (!lists->rows[at])
			return ERR_TOOBIG;
		lists->rows[at][lists->count[at]++] = rows[i];
	}
	return e;
}

static enum err put_series(struct rollup_lines *l, enum tier tier, const struct series *s, const struct rows *list,
    uint32_t n, const int64_t range[2])
{
	struct rows merged;
	enum err e = rows_merge_rollups(list, n, range[0], range[1] - 1, &l->arena, &merged);

	if (e != ERR_OK)
		return ERR_TOOBIG;
	for (uint32_t row = 0; row < merged.count; row++)
		if (!put_row(l, tier, s, &merged, row))
			return ERR_NOMEM;
	return ERR_OK;
}

static enum err read_some(struct rollup_lines *l, const struct store_place *place, const struct measurement *m,
    const int64_t range[2], uint32_t first, uint32_t n, struct errbuf *eb)
{
	struct lists lists = { 0 };
	struct store_item *items;
	uint32_t item_count = 0;

	arena_clear(&l->arena);
	buf_clear(&l->text);
	l->count = 0;
	enum err e = store_reader_list(l->reader, place, first, first + n - 1, &l->arena, &items, &item_count, eb);
	for (uint32_t i = 0; e == ERR_OK && i < item_count; i++)
		if (items[i].min_ns < range[1] && items[i].max_ns >= range[0])
			e = read_item(l, &items[i], item_count, first, n, &lists, eb);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		if (lists.count[i])
			e = put_series(
			    l, place->tier, measurement_series(m, first + i), lists.rows[i], lists.count[i], range);
	return e;
}

enum err rollup_lines_read(struct rollup_lines *l, const struct store_place *place, const struct measurement *m,
    int64_t from_ns, int64_t to_ns, uint32_t *ordinal, struct errbuf *eb)
{
	const int64_t range[2] = { from_ns, to_ns };
	uint32_t left = measurement_series_count(m) - *ordinal, n = left < SERIES_AT_A_TIME ? left : SERIES_AT_A_TIME;
	uint64_t seq;
	enum err e;

	do { /* fewer at a time where they are large */
		e = store_reader_begin(l->reader, &seq, eb);
		if (e == ERR_OK)
			e = read_some(l, place, m, range, *ordinal, n, eb);
		store_reader_end(l->reader);
	} while ((e == ERR_TOOBIG || e == ERR_NOMEM) && (n /= 2) > 0);
	if (e == ERR_TOOBIG || e == ERR_NOMEM)
		return errbuf_set(eb, ERR_NOMEM, "rollups of one series need more memory than there is for them");
	if (e == ERR_OK)
		*ordinal += n;
	return e;
}
