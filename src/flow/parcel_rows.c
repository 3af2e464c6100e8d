#include "flow/parcel_rows.h"

#include "base/num.h"

enum { PASSED_BY_MAX = 256 };

void parcel_rows_seek(struct parcel_rows *s, uint64_t seq)
{
	s->seq = seq;
	s->rest = (struct view){ NULL, 0 };
}

/* The spool's lines end with their time. */
static bool is_wanted(struct view line, const struct parcel_want *want)
{
	const char *space = memrchr(line.p, ' ', line.len);
	int64_t t;

	if (!space || !num_parse_i64((struct view){ space + 1, line.len - (size_t)(space + 1 - line.p) }, &t))
		return true;
	return t >= want->min_ns && t <= want->max_ns;
}

/* Lines from the row at hand until it or the parcel is used up. */
static bool take_lines(
    struct parcel *p, struct parcel_rows *s, const struct parcel_want *want, const struct parcel_limits *limits)
{
	struct lp_parser *ps = &s->parser;

	lp_restart(ps, s->rest);
	while (p->count < limits->points) {
		const char *at = ps->p;
		enum lp_result r = lp_next_key(ps);
		if (r == LP_END) {
			s->rest = (struct view){ NULL, 0 };
			return true;
		}
		if (r == LP_OK)
			lp_skip(ps);
		if (!s->whole && !is_wanted(ps->line, want))
			continue;
		if (p->count && p->bytes + ps->line.len + 1 > limits->bytes) {
			s->rest = (struct view){ at, (size_t)(ps->end - at) };
			return true;
		}
		if (!parcel_add(p, r == LP_OK ? ps->key : ps->line, ps->line, 0))
			return false;
	}
	s->rest = (struct view){ ps->p, (size_t)(ps->end - ps->p) };
	return true;
}

static enum err next_row(
    struct parcel_rows *s, const struct parcel_want *want, struct spool_row *row, struct errbuf *eb)
{
	bool any = want->min_ns == INT64_MIN && want->max_ns == INT64_MAX;
	int64_t end_ns = want->max_ns < INT64_MAX ? want->max_ns + 1 : INT64_MAX;
	enum err e = any ? spool_reader_next(s->reader, s->seq, row, eb)
			 : spool_reader_next_in(s->reader, s->seq, want->min_ns, end_ns, row, eb);

	if ((e == ERR_OK || (e == ERR_CORRUPT && row->seq)) && row->seq > want->to_seq)
		return ERR_NOTFOUND;
	return e;
}

enum err parcel_rows_fill(struct parcel *p, struct parcel_rows *s, const struct parcel_want *want,
    const struct parcel_limits *limits, struct errbuf *eb)
{
	struct spool_row row;
	unsigned passed_by = 0;

	parcel_clear(p);
	p->end_seq = s->rest.len ? s->seq - 1 : s->seq;
	for (;;) {
		if (s->rest.len == 0) {
			enum err e = next_row(s, want, &row, eb);
			if (e == ERR_CORRUPT && row.seq) {
				s->damaged(s->arg, &row, eb->text);
				p->end_seq = s->seq = row.seq;
				continue;
			}
			if (e == ERR_NOTFOUND && p->count)
				return ERR_OK;
			if (e != ERR_OK)
				return e;
			if ((want->db && row.db != want->db) || want->pass_by & PARCEL_DB_BIT(row.db)) {
				p->end_seq = s->seq = row.seq;
				if (++passed_by == PASSED_BY_MAX)
					return ERR_OK;
				continue;
			}
			if (p->count && (row.db != p->db || p->bytes + row.payload.len > limits->bytes))
				return ERR_OK; /* it is read again for the next parcel */
			s->seq = row.seq;
			s->db = row.db;
			s->rest = row.payload;
			s->whole = row.min_ns >= want->min_ns && row.max_ns <= want->max_ns;
		}
		p->db = s->db;
		if (!take_lines(p, s, want, limits))
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		if (s->rest.len)
			return ERR_OK;
		p->end_seq = s->seq;
		if (p->count >= limits->points || (p->count == 0 && ++passed_by == PASSED_BY_MAX))
			return ERR_OK;
	}
}
