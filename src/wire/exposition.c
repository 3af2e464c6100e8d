#include "wire/exposition.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

struct scanner {
	const char *at, *end;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void skip_blanks(struct scanner *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

static bool is_name(char c, bool first, bool colon)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
	    (!first && c >= '0' && c <= '9');
}

static bool take_name(struct scanner *s, bool colon, struct view *out)
{
	const char *from = s->at;

	while (s->at < s->end && is_name(*s->at, s->at == from, colon))
		s->at++;
	*out = (struct view){ from, (size_t)(s->at - from) };
	return out->len > 0 && out->len <= EXPOSITION_NAME_MAX;
}

static bool take(struct scanner *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* "…": \\, \" and \n are escapes. *out is what is between the quotes, as it stands. */
static bool take_quoted(struct scanner *s, struct view *out)
{
	if (!take(s, '"'))
		return false;
	const char *from = s->at;
	while (s->at < s->end && *s->at != '"') {
		if (*s->at == '\\' && (++s->at == s->end || (*s->at != '\\' && *s->at != '"' && *s->at != 'n')))
			return false;
		s->at++;
	}
	*out = (struct view){ from, (size_t)(s->at - from) };
	return take(s, '"');
}

/* name="value" and the comma after it. False: it is none. */
static bool take_label(struct scanner *s, struct view *name, struct view *value)
{
	skip_blanks(s);
	if (!take_name(s, false, name))
		return false;
	skip_blanks(s);
	if (!take(s, '='))
		return false;
	skip_blanks(s);
	if (!take_quoted(s, value))
		return false;
	skip_blanks(s);
	return s->at == s->end || *s->at == '}' || take(s, ',');
}

static bool take_labels(struct scanner *s, struct view *out)
{
	struct view name, value;
	const char *from = s->at;

	for (unsigned n = 0;; n++) {
		skip_blanks(s);
		if (s->at < s->end && *s->at == '}')
			break;
		if (n == EXPOSITION_LABELS_MAX || !take_label(s, &name, &value))
			return false;
	}
	*out = (struct view){ from, (size_t)(s->at - from) };
	return take(s, '}');
}

static struct view take_word(struct scanner *s)
{
	const char *from;

	skip_blanks(s);
	from = s->at;
	while (s->at < s->end && !is_blank(*s->at))
		s->at++;
	return (struct view){ from, (size_t)(s->at - from) };
}

static bool is_word(struct view v, const char *word)
{
	return v.len == strlen(word) && !strncasecmp(v.p, word, v.len);
}

static bool read_value(struct view v, double *out)
{
	if (v.len && (is_word(v, "nan") || is_word(v, "+nan") || is_word(v, "-nan")))
		*out = NAN;
	else if (is_word(v, "inf") || is_word(v, "+inf") || is_word(v, "infinity") || is_word(v, "+infinity"))
		*out = INFINITY;
	else if (is_word(v, "-inf") || is_word(v, "-infinity"))
		*out = -INFINITY;
	else
		return num_parse_double(v, out);
	return true;
}

static bool read_sample(struct view line, struct exposition_sample *out)
{
	struct scanner s = { line.p, line.p + line.len };

	*out = (struct exposition_sample){ 0 };
	if (!take_name(&s, true, &out->name))
		return false;
	skip_blanks(&s);
	if (take(&s, '{') && !take_labels(&s, &out->labels))
		return false;
	if (s.at == s.end || !read_value(take_word(&s), &out->value))
		return false;
	struct view time = take_word(&s);
	if (time.len) {
		if (!num_parse_i64(time, &out->time_ms))
			return false;
		out->has_time = true;
	}
	skip_blanks(&s);
	return s.at == s.end;
}

void exposition_in_init(struct exposition_in *in, struct view text)
{
	*in = (struct exposition_in){ text.p, text.p + text.len, 0 };
}

enum err exposition_next(struct exposition_in *in, struct exposition_sample *out)
{
	while (in->at < in->end) {
		const char *newline = memchr(in->at, '\n', (size_t)(in->end - in->at));
		struct view line = { in->at, (size_t)((newline ? newline : in->end) - in->at) };
		in->at = newline ? newline + 1 : in->end;
		in->line++;
		if (line.len && line.p[line.len - 1] == '\r')
			line.len--;
		while (line.len && is_blank(*line.p)) {
			line.p++;
			line.len--;
		}
		if (!line.len || *line.p == '#')
			continue;
		return line.len <= EXPOSITION_LINE_MAX && read_sample(line, out) ? ERR_OK : ERR_INVALID;
	}
	return ERR_NOTFOUND;
}

static bool unescape(struct view v, struct buf *out)
{
	buf_clear(out);
	for (size_t i = 0; i < v.len; i++) {
		if (v.p[i] == '\\' && i + 1 < v.len) {
			i++;
			buf_char(out, v.p[i] == 'n' ? '\n' : v.p[i]);
		} else {
			buf_char(out, v.p[i]);
		}
	}
	return !out->failed;
}

bool exposition_label(const struct exposition_sample *sample, const char *wanted, struct buf *out)
{
	struct scanner s = { sample->labels.p, sample->labels.p + sample->labels.len };
	struct view name, value;

	while (s.at < s.end && take_label(&s, &name, &value)) {
		if (name.len == strlen(wanted) && !memcmp(name.p, wanted, name.len))
			return unescape(value, out);
		skip_blanks(&s);
	}
	return false;
}
