#include "edge/http_form.h"

#include <string.h>
#include <strings.h>

enum { BOUNDARY_MAX = 70 }; /* RFC 2046 */

static const char *find(struct view in, struct view what)
{
	return what.len && in.len ? memmem(in.p, in.len, what.p, what.len) : NULL;
}

/* The value of name="…" among a part's header lines. */
static bool part_name(struct view head, struct view *out)
{
	static const char key[] = "name=\"";
	const char *p = head.p, *end = head.p + head.len;

	while ((p = memmem(p, (size_t)(end - p), key, sizeof key - 1))) {
		const char *from = p + sizeof key - 1, *to = memchr(from, '"', (size_t)(end - from));
		if (!to)
			return false;
		if (p > head.p && strchr(" ;\t", p[-1])) { /* not filename= */
			*out = (struct view){ from, (size_t)(to - from) };
			return true;
		}
		p = to;
	}
	return false;
}

static enum err add(struct http_params *out, struct view name, struct view value, struct errbuf *eb)
{
	if (out->count == HTTP_PARAMS_MAX)
		return errbuf_set(eb, ERR_TOOBIG, "more than %d parameters", HTTP_PARAMS_MAX);
	if (memchr(name.p, 0, name.len) || (value.len && memchr(value.p, 0, value.len)))
		return errbuf_set(eb, ERR_INVALID, "a parameter holds a NUL byte");
	char *n = arena_copy(&out->arena, name), *v = arena_copy(&out->arena, value);
	if (!n || !v)
		return errbuf_set(eb, ERR_TOOBIG, "the parameters are too long");
	out->item[out->count].name = n;
	out->item[out->count].value = v;
	out->count++;
	return ERR_OK;
}

/* Each part: the delimiter, CRLF, header lines, an empty line, bytes, CRLF. Behind the last delimiter "--". */
enum err http_form_multipart(struct http_params *out, struct view body, struct view boundary, struct errbuf *eb)
{
	static const struct view blank = { "\r\n\r\n", 4 };
	char text[BOUNDARY_MAX + 8] = "\r\n--";
	struct view name;

	if (boundary.len == 0 || boundary.len > BOUNDARY_MAX)
		return errbuf_set(eb, ERR_INVALID, "the form has no boundary of 1 to %d bytes", BOUNDARY_MAX);
	memcpy(text + 4, boundary.p, boundary.len);
	const struct view delimiter = { text, boundary.len + 4 };
	const char *end = body.p + body.len, *p = body.p;
	if (body.len < delimiter.len - 2 || memcmp(p, text + 2, delimiter.len - 2) != 0)
		return errbuf_set(eb, ERR_INVALID, "the form does not begin with its boundary");
	p += delimiter.len - 2;
	while (end - p >= 2 && !memcmp(p, "\r\n", 2)) {
		const char *content = find((struct view){ p, (size_t)(end - p) }, blank);
		if (!content)
			break;
		struct view head = { p, (size_t)(content - p) };
		content += blank.len;
		/* an empty part's bytes end where they begin: look from the CRLF before them */
		const char *stop = find((struct view){ content - 2, (size_t)(end - content) + 2 }, delimiter);
		if (!stop)
			break;
		struct view value = { content, stop > content ? (size_t)(stop - content) : 0 };
		enum err e = part_name(head, &name) ? add(out, name, value, eb) : ERR_OK;
		if (e != ERR_OK)
			return e;
		p = stop + delimiter.len;
	}
	if (end - p >= 2 && !memcmp(p, "--", 2))
		return ERR_OK;
	return errbuf_set(eb, ERR_INVALID, "the form is cut short");
}

static struct view boundary_of(const char *type)
{
	const char *p = strcasestr(type, "boundary=");

	if (!p)
		return (struct view){ "", 0 };
	p += 9;
	if (*p == '"')
		return (struct view){ p + 1, strcspn(p + 1, "\"") };
	return (struct view){ p, strcspn(p, "; \t") };
}

static bool is_type(const char *type, const char *name)
{
	size_t n = strlen(name);

	return type && !strncasecmp(type, name, n) && (type[n] == 0 || strchr("; \t", type[n]));
}

enum err http_form_read(struct http_request *rq, struct http_form_parts *f, size_t max_bytes)
{
	const char *type = http_header(rq, "Content-Type");
	struct errbuf eb = { "" };
	struct view body;

	f->multipart = false;
	f->params.count = 0;
	arena_init(&f->params.arena, 4096, max_bytes);
	if (http_method(rq) != HTTP_POST)
		return ERR_OK;
	enum err e = http_read_body(rq, &body);
	if (e != ERR_OK)
		return e;
	if (is_type(type, "application/x-www-form-urlencoded")) {
		e = http_params_parse(&f->params, body, &eb);
	} else if (is_type(type, "multipart/form-data")) {
		f->multipart = true;
		e = http_form_multipart(&f->params, body, boundary_of(type), &eb);
	}
	if (e != ERR_OK)
		http_fail(rq, e == ERR_TOOBIG ? 413 : 400, e == ERR_TOOBIG ? "too_large" : "bad_parameter", NULL, "%s",
		    eb.text);
	return e;
}

void http_form_fini(struct http_form_parts *f)
{
	http_params_fini(&f->params);
}

const char *http_form_get(const struct http_request *rq, const struct http_form_parts *f, const char *name)
{
	const char *form = http_params_get(&f->params, name), *address = http_parameter(rq, name);

	if (f->multipart)
		return address ? address : form;
	return form ? form : address;
}
