#include "base/counter.h"
#include "base/log.h"
#include "query/export_part.h"

static uint32_t values_of(const struct exporting *x, const struct rows *r, uint32_t row, struct batch_value *out)
{
	const struct catalogue_layout *l = measurement_layout(x->measurement);
	uint32_t n = 0;

	for (uint32_t k = 0; k < r->column_count; k++) {
		const struct rows_column *c = &r->columns[k];
		if (c->kind != COLUMN_VALUE || c->field >= l->count || (c->present && !c->present[row]))
			continue;
		out[n] = (struct batch_value){ .field = l->fields[c->field], .bits = c->bits[row] };
		if (c->type == VALUE_STRING) {
			const struct rows_string *s = (const struct rows_string *)(uintptr_t)c->bits[row];
			out[n].bits = (uint64_t)(uintptr_t)s->bytes;
			out[n].len = s->len;
		}
		n++;
	}
	return n;
}

static enum err append_rows(struct exporting *x, struct series *s, const struct rows *r)
{
	uint32_t from = rows_lower_bound(r->times, r->count, x->from_ns),
		 to = rows_lower_bound(r->times, r->count, x->to_ns);
	struct batch_value *values = arena_alloc(&x->blocks, (r->column_count + 1) * sizeof *values, 16);

	if (!values)
		return export_out_of_memory(x);
	for (uint32_t i = from; i < to; i++) {
		uint32_t n = values_of(x, r, i, values);
		if (n && !generation_append(x->history, s, r->times[i], values, n))
			return ERR_TOOBIG;
	}
	return ERR_OK;
}

/* The chunks of one block or piece, some at a time. */
static enum err read_item(struct exporting *x, const struct store_item *item)
{
	enum { CHUNKS = 64 };
	struct block_source bytes;
	struct block b;
	uint32_t known = measurement_series_count(x->measurement);

	arena_clear(&x->blocks);
	enum err e = store_reader_source(x->files.store, item, &bytes, x->eb);
	if (e == ERR_OK)
		e = block_open(&b, bytes, &x->blocks);
	for (uint32_t at = 0; e == ERR_OK && at < b.series_count; at += CHUNKS) {
		struct rows rows[CHUNKS];
		bool wanted[CHUNKS], any = false;
		uint32_t to = b.series_count - at < CHUNKS ? b.series_count : at + CHUNKS;
		for (uint32_t i = at; i < to; i++) {
			wanted[i - at] = b.series[i].ordinal < known &&
			    export_in_range(x, measurement_series(x->measurement, b.series[i].ordinal));
			any |= wanted[i - at];
		}
		const struct block_wanted some = { .from = at, .to = to, .chunks = wanted };
		if (any)
			e = block_read(&b, &some, x->files.unpacker, &x->blocks, rows);
		if (e == ERR_NOMEM || e == ERR_TOOBIG)
			return errbuf_set(x->eb, ERR_NOMEM,
			    "%s %lld of the store needs more memory than an export may take",
			    item->piece ? "piece" : "block", (long long)item->id);
		for (uint32_t i = at; any && e == ERR_OK && i < to; i++)
			if (wanted[i - at])
				e = append_rows(
				    x, measurement_series(x->measurement, b.series[i].ordinal), &rows[i - at]);
	}
	if (e != ERR_CORRUPT && e != ERR_IO)
		return e;
	counter_add(COUNTER_STORE_DAMAGED_READS, 1);
	log_error("%s %lld of the store is damaged", item->piece ? "piece" : "block", (long long)item->id);
	export_not_complete(x, "a damaged block of the local store was left out");
	return ERR_OK;
}

enum err export_read_store(struct exporting *x)
{
	struct store_place place = { TIER_RAW, tier_window(TIER_RAW, x->from_ns), measurement_id(x->measurement) };
	int64_t last = tier_window(TIER_RAW, x->to_ns - 1);
	enum err e = ERR_OK;

	for (; e == ERR_OK && !x->rows.stopped; place.window++) {
		struct arena list;
		struct store_item *items;
		uint32_t n = 0;
		e = export_without_store(x,
		    store_reader_next_window(
			x->files.store, TIER_RAW, place.window, place.measurement, &place.window, x->eb),
		    ERR_NOTFOUND);
		if (e != ERR_OK || place.window > last)
			return e == ERR_NOTFOUND ? ERR_OK : e;
		arena_init(&list, 64 << 10, x->max_bytes);
		e = export_without_store(
		    x, store_reader_list(x->files.store, &place, 0, UINT32_MAX, &list, &items, &n, x->eb), ERR_OK);
		for (uint32_t i = 0; e == ERR_OK && i < n && !x->rows.stopped; i++) {
			if (items[i].min_ns < x->to_ns && items[i].max_ns >= x->from_ns)
				e = read_item(x, &items[i]);
			export_go_on(x);
		}
		arena_fini(&list);
	}
	return e;
}
