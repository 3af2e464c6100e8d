#include "flow/parcel.h"

#include <stdlib.h>

#define TEXT_MAX ((size_t)128 << 20)

void parcel_init(struct parcel *p)
{
	*p = (struct parcel){ 0 };
	buf_init(&p->text, TEXT_MAX);
}

void parcel_fini(struct parcel *p)
{
	buf_fini(&p->text);
	free(p->ends);
	*p = (struct parcel){ 0 };
}

void parcel_source_seek(struct parcel_source *s, uint64_t seq)
{
	s->seq = seq;
	s->rest = (struct view){ NULL, 0 };
}

static bool add_end(struct parcel *p)
{
	if (p->count == p->cap) {
		uint32_t cap = p->cap ? p->cap * 2 : 256;
		uint32_t *ends = realloc(p->ends, cap * sizeof *ends);
		if (!ends)
			return false;
		p->ends = ends;
		p->cap = cap;
	}
	p->ends[p->count++] = (uint32_t)p->text.len;
	return true;
}

/* Lines from the row at hand until it or the parcel is used up. */
static bool take_lines(struct parcel *p, struct parcel_source *s, const struct parcel_limits *limits)
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
		if (p->count && p->text.len + ps->line.len + 1 > limits->bytes) {
			s->rest = (struct view){ at, (size_t)(ps->end - at) };
			return true;
		}
		buf_view(&p->text, ps->line);
		buf_char(&p->text, '\n');
		if (p->text.failed || !add_end(p))
			return false;
	}
	s->rest = (struct view){ ps->p, (size_t)(ps->end - ps->p) };
	return true;
}

enum err parcel_fill(struct parcel *p, struct parcel_source *s, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct spool_row row;

	buf_clear(&p->text);
	p->count = 0;
	p->end_seq = s->rest.len ? s->seq - 1 : s->seq;
	for (;;) {
		if (s->rest.len == 0) {
			enum err e = spool_reader_next(s->reader, s->seq, &row, eb);
			if (e == ERR_CORRUPT && row.seq) {
				s->damaged(s->arg, &row, eb->text);
				p->end_seq = s->seq = row.seq;
				continue;
			}
			if (e == ERR_NOTFOUND && p->count)
				return ERR_OK;
			if (e != ERR_OK)
				return e;
			if (p->count && (row.db != p->db || p->text.len + row.payload.len > limits->bytes))
				return ERR_OK; /* it is read again for the next parcel */
			s->seq = row.seq;
			s->db = row.db;
			s->rest = row.payload;
		}
		p->db = s->db;
		if (!take_lines(p, s, limits))
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		if (s->rest.len)
			return ERR_OK;
		p->end_seq = s->seq;
		if (p->count >= limits->points)
			return ERR_OK;
	}
}

struct view parcel_lines(const struct parcel *p, uint32_t from, uint32_t to)
{
	uint32_t start = from ? p->ends[from - 1] : 0;

	return (struct view){ p->text.p + start, to ? p->ends[to - 1] - start : 0 };
}

/* A value's text is left alone but for the last letter, so positions stay. */
bool parcel_make_signed(struct parcel *p)
{
	struct lp_parser ps;
	bool changed = false;

	lp_init(&ps, (struct view){ p->text.p, p->text.len });
	for (;;) {
		enum lp_result r = lp_next_key(&ps);
		if (r == LP_END)
			break;
		if (r == LP_BAD || lp_rest(&ps, NULL) != LP_OK)
			continue;
		for (uint32_t i = 0; i < ps.field_count; i++) {
			const struct lp_field *f = &ps.fields[i];
			if (f->value.type != VALUE_UNSIGNED || f->value.u > INT64_MAX)
				continue;
			/* the letter stands behind the digits that follow the name and its equals sign */
			char *c = p->text.p + (f->name.p + f->name.len + 1 - p->text.p);
			while (*c != 'u')
				c++;
			*c = 'i';
			changed = true;
		}
	}
	lp_fini(&ps);
	return changed;
}
