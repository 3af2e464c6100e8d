#include "flow/spool_check.h"

#include "store/spool_walk.h"

static enum err look_at_rows(struct check *c, struct spool_walk *w, struct errbuf *eb)
{
	struct spool_damage damage;
	struct spool_row row;
	enum err e;

	while ((e = spool_walk_next(w, &row, &damage, eb)) == ERR_OK || e == ERR_CORRUPT) {
		if (e == ERR_OK)
			check_read(c, 1, 0);
		else if (damage.rows || damage.pages)
			check_found(c, damage.rows, damage.pages, eb->text);
		if (!check_go_on(c))
			return ERR_CLOSED;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err look(struct check *c, const char *path, struct errbuf *eb)
{
	static const char *const tables[] = { "database", "field", "extent", "cursor", "pending", "quarantine",
		"quarantine_sum", "gap", "meta" };
	struct spool_walk_opts wo = { .live = true };
	struct spool_walk *w;
	enum err e = spool_walk_open(&w, path, &wo, eb);

	if (e != ERR_OK)
		return e;
	e = check_tables(c, spool_walk_db(w), tables, sizeof tables / sizeof *tables, eb);
	if (e == ERR_OK)
		e = look_at_rows(c, w, eb);
	spool_walk_close(w);
	return e;
}

const struct check_kind spool_check = { "hf-check", "rows", "cannot be read and are stepped over", look };
