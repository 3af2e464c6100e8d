/* Past a damaged page: the tree leads a search for the greatest number <= X to the page that has it; if that page is
 * damaged the search fails. So X is lowered, by steps that grow by a quarter, until a search works; then the greatest
 * such X is found by halving. Pages in between that are well would be jumped over: the stretch is probed evenly too. */
#include "store/store_walk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/database.h"
#include "store/store_internal.h"

enum { PHASES = 3, PROBES = 256, LEAF_ITEMS = 4 };

struct phase {
	const char *table, *sql;
	int64_t first, last; /* numbers */
};

#define PIECES \
	"SELECT id, first_ordinal, last_ordinal, min_ns, max_ns, points, tier, window, measurement FROM piece " \
	"WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
static const struct phase phases[PHASES] = {
	{ "piece", PIECES, 1, INT64_MAX },
	{ "block",
	    "SELECT id, id >> 7 & 1048575, last_ordinal, min_ns, max_ns, points FROM block WHERE id BETWEEN ? AND ? "
	    "ORDER BY id DESC LIMIT 1",
	    0, INT64_MAX },
	{ "piece", PIECES, INT64_MIN, -1 },
};

struct store_walk {
	sqlite3 *db;
	sqlite3_stmt *st[PHASES];
	sqlite3_blob *blob;
	int phase;
	int64_t at; /* numbers up to it are left */
	bool phase_done; /* of the last one */
	bool met_damage;
	uint64_t items, points; /* so far, for the mean */
};

static void enter(struct store_walk *w, int phase)
{
	w->phase = phase;
	if (phase < PHASES)
		w->at = phases[phase].last;
}

/* Only numbers below are left. */
static void go_below(struct store_walk *w, int64_t id)
{
	if (id <= phases[w->phase].first)
		enter(w, w->phase + 1);
	else
		w->at = id - 1;
}

enum err store_walk_open(struct store_walk **out, const char *path, const struct store_walk_at *from, struct errbuf *eb)
{
	struct store_walk *w = calloc(1, sizeof *w);

	*out = NULL;
	if (!w)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	enum err e = database_open_reader(&w->db, path, eb);
	for (int i = 0; e == ERR_OK && i < PHASES; i++)
		e = database_prepare(w->db, &w->st[i], phases[i].sql, eb);
	if (e != ERR_OK) {
		store_walk_close(w);
		return e == ERR_NOMEM ? e : errbuf_set(eb, ERR_CORRUPT, "nothing of %s can be read", path);
	}
	enter(w, from->phase < 0 || from->phase > PHASES ? 0 : from->phase);
	if (w->phase < PHASES && from->below)
		go_below(w, from->below);
	*out = w;
	return ERR_OK;
}

void store_walk_close(struct store_walk *w)
{
	if (!w)
		return;
	store_walk_let_go(w);
	for (int i = 0; i < PHASES; i++)
		sqlite3_finalize(w->st[i]);
	sqlite3_close(w->db);
	free(w);
}

sqlite3 *store_walk_db(struct store_walk *w)
{
	return w->db;
}

bool store_walk_met_damage(const struct store_walk *w)
{
	return w->met_damage;
}

void store_walk_where(const struct store_walk *w, struct store_walk_at *out)
{
	*out = (struct store_walk_at){ w->phase, 0 };
	if (w->phase < PHASES && w->at < phases[w->phase].last)
		out->below = w->at + 1;
}

void store_walk_let_go(struct store_walk *w)
{
	sqlite3_blob_close(w->blob);
	w->blob = NULL;
}

static bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB || (rc & 0xff) == SQLITE_IOERR;
}

static void read_row(int phase, sqlite3_stmt *st, struct store_walk_item *out)
{
	out->item = (struct store_item){ .id = sqlite3_column_int64(st, 0),
		.piece = phase != 1,
		.first_ordinal = (uint32_t)sqlite3_column_int64(st, 1),
		.last_ordinal = (uint32_t)sqlite3_column_int64(st, 2),
		.min_ns = sqlite3_column_int64(st, 3),
		.max_ns = sqlite3_column_int64(st, 4),
		.points = (uint64_t)sqlite3_column_int64(st, 5) };
	int64_t id = out->item.id;
	if (phase == 1)
		out->place = (struct store_place){ (enum tier)(id >> 61 & 3), block_id_window(id),
			block_id_measurement(id) };
	else
		out->place = (struct store_place){ (enum tier)(sqlite3_column_int(st, 6) & 3),
			sqlite3_column_int64(st, 7), (uint32_t)sqlite3_column_int64(st, 8) };
}

/* The one with the greatest number <= at. ERR_NOTFOUND: none; ERR_CORRUPT: a page on the way is damaged. */
static enum err seek(struct store_walk *w, int64_t at, struct store_walk_item *out, struct errbuf *eb)
{
	sqlite3_stmt *st = w->st[w->phase];
	enum err e = ERR_OK;

	sqlite3_bind_int64(st, 1, phases[w->phase].first);
	sqlite3_bind_int64(st, 2, at);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		read_row(w->phase, st, out);
		if (out->item.id > at || out->item.id < phases[w->phase].first) /* the tree's order is damaged */
			e = errbuf_set(eb, ERR_CORRUPT, "numbers out of order");
	} else if (rc == SQLITE_DONE) {
		e = ERR_NOTFOUND;
	} else {
		e = database_error(w->db, "look for a block", eb);
		e = is_damage(sqlite3_errcode(w->db)) ? ERR_CORRUPT : e;
	}
	sqlite3_reset(st);
	w->met_damage |= e == ERR_CORRUPT;
	return e;
}

static bool works(struct store_walk *w, int64_t at)
{
	struct store_walk_item item;

	return seek(w, at, &item, NULL) != ERR_CORRUPT;
}

/* Between a number that works and a higher one that does not: the greatest that works. */
static int64_t halve(struct store_walk *w, int64_t good, int64_t bad)
{
	while ((uint64_t)bad - (uint64_t)good > 1) {
		int64_t mid = good + (int64_t)(((uint64_t)bad - (uint64_t)good) / 2);
		if (works(w, mid))
			good = mid;
		else
			bad = mid;
	}
	return good;
}

/* Below `at`, which does not work, the greatest number that does. False: none. */
static bool get_past(struct store_walk *w, int64_t at, int64_t *out)
{
	int64_t first = phases[w->phase].first, bad = at, good = at;
	uint64_t room = (uint64_t)at - (uint64_t)first;

	for (uint64_t step = 1; good == at && step < room; step += step / 4 + 1) {
		int64_t x = (int64_t)((uint64_t)at - step);
		if (works(w, x))
			good = x;
		else
			bad = x;
		if (step > UINT64_MAX / 2)
			break;
	}
	if (good == at && (room == 0 || !works(w, good = first)))
		return false;
	*out = halve(w, good, bad);
	for (uint64_t i = 1, gap = (uint64_t)at - (uint64_t)*out; gap > PROBES && i < PROBES; i++) {
		int64_t x = (int64_t)((uint64_t)at - gap / PROBES * i);
		struct store_walk_item item;
		if (x > *out && seek(w, x, &item, NULL) == ERR_OK && item.item.id > *out) {
			*out = halve(w, x, (int64_t)((uint64_t)at - gap / PROBES * (i - 1)));
			break;
		}
	}
	return true;
}

static uint64_t mean_points(const struct store_walk *w)
{
	return w->items && w->points / w->items > 1 ? w->points / w->items : 1;
}

/* What may have been between the two numbers. */
static void tell_loss(const struct store_walk *w, int64_t above, int64_t at, struct store_walk_loss *loss)
{
	int64_t now = clock_wall_ns();
	int tier = (int)(at >> 61 & 3);

	*loss = (struct store_walk_loss){ 1, mean_points(w) * LEAF_ITEMS, -1, 0, now };
	if (w->phase != 1 || above < 0 || at == INT64_MAX || tier != (int)(above >> 61 & 3))
		return;
	loss->tier = tier;
	loss->from_ns = tier_window_start((enum tier)tier, block_id_window(above));
	loss->to_ns = tier_window_start((enum tier)tier, block_id_window(at) + 1) - 1;
}

static enum err step_over(struct store_walk *w, struct store_walk_loss *loss)
{
	struct store_walk_item next;
	int64_t at = w->at, past;

	if (!get_past(w, at, &past)) {
		tell_loss(w, -1, at, loss);
		enter(w, w->phase + 1);
		return ERR_CORRUPT;
	}
	tell_loss(w, seek(w, past, &next, NULL) == ERR_OK ? next.item.id : -1, at, loss);
	w->at = past;
	return ERR_CORRUPT;
}

static bool is_sane(const struct store_walk_item *i)
{
	return i->place.window >= 0 && i->place.window < STORE_WINDOWS_MAX && i->place.measurement < 1u << 14 &&
	    i->item.first_ordinal <= i->item.last_ordinal && i->item.last_ordinal < 1u << 20 &&
	    i->item.points < UINT64_C(1) << 40;
}

enum err store_walk_next(
    struct store_walk *w, struct store_walk_item *out, struct store_walk_loss *loss, struct errbuf *eb)
{
	store_walk_let_go(w);
	*loss = (struct store_walk_loss){ 0 };
	while (w->phase < PHASES) {
		enum err e = seek(w, w->at, out, eb);
		if (e == ERR_NOTFOUND) {
			enter(w, w->phase + 1);
			continue;
		}
		if (e == ERR_CORRUPT)
			return step_over(w, loss);
		if (e != ERR_OK)
			return e;
		go_below(w, out->item.id);
		if (!is_sane(out)) {
			w->met_damage = true;
			*loss = (struct store_walk_loss){ 1, mean_points(w), -1, 0, clock_wall_ns() };
			return errbuf_set(
			    eb, ERR_CORRUPT, "a row of the table %s is damaged", out->item.piece ? "piece" : "block");
		}
		w->items++;
		w->points += out->item.points;
		return ERR_OK;
	}
	return ERR_NOTFOUND;
}

static enum err read_blob(void *arg, size_t offset, size_t n, void *to)
{
	struct store_walk *w = arg;
	int rc = n ? sqlite3_blob_read(w->blob, to, (int)n, (int)offset) : SQLITE_OK;

	if (rc == SQLITE_OK)
		return ERR_OK;
	w->met_damage |= is_damage(rc);
	return is_damage(rc) ? ERR_CORRUPT : ERR_IO;
}

enum err store_walk_source(
    struct store_walk *w, const struct store_walk_item *i, struct block_source *out, struct errbuf *eb)
{
	store_walk_let_go(w);
	int rc = sqlite3_blob_open(w->db, "main", i->item.piece ? "piece" : "block", "data", i->item.id, 0, &w->blob);

	if (rc != SQLITE_OK) {
		enum err e = database_error(w->db, "open a block", eb);
		store_walk_let_go(w);
		if (rc == SQLITE_ERROR)
			return ERR_NOTFOUND;
		w->met_damage |= is_damage(rc);
		return is_damage(rc) ? ERR_CORRUPT : e;
	}
	*out = (struct block_source){ (size_t)sqlite3_blob_bytes(w->blob), read_blob, w };
	return ERR_OK;
}
