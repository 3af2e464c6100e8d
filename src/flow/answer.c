#include "flow/answer.h"

#include <stdio.h>

static bool says(struct view body, const char *words)
{
	return body.len && memmem(body.p, body.len, words, strlen(words));
}

static bool says_any(struct view body, const char *const *words)
{
	for (; *words; words++)
		if (says(body, *words))
			return true;
	return false;
}

static bool is_blank(struct view body)
{
	for (size_t i = 0; i < body.len; i++)
		if ((unsigned char)body.p[i] > ' ')
			return false;
	return true;
}

/* Proxies, captive portals and mistaken ports answer so, never a database. */
static bool is_page(struct view body)
{
	while (body.len && (unsigned char)*body.p <= ' ') {
		body.p++;
		body.len--;
	}
	return body.len && *body.p == '<';
}

static bool is_about_points(struct view body)
{
	static const char *const words[] = { "partial write", "parsing failed for write_lp endpoint",
		"field type conflict", "unable to parse", "metric parse error", "points beyond retention policy",
		"max key length", NULL };

	return says_any(body, words);
}

/* A 400 for what every request of ours has alike: no point is to blame. */
static bool is_about_request(struct view body)
{
	static const char *const words[] = { "organization", "org id", "orgID", "bucket", "database is required",
		"missing query parameters", "invalid precision", "failed to decode", "gzip", "HTTPS server",
		"HTTPS port", NULL };

	return is_page(body) || says_any(body, words);
}

static bool is_no_database(struct view body)
{
	return says(body, "database not found") || (says(body, "bucket") && says(body, "not found"));
}

enum answer answer_of(int status, struct view body)
{
	if (status == 401 || status == 403 || status == 407 || (status >= 300 && status <= 399))
		return ANSWER_HELD;
	if (is_about_points(body))
		return ANSWER_REFUSED;
	if (says(body, "retention policy not found"))
		return ANSWER_HELD;
	if (status == 204 || (status >= 200 && status <= 202 && is_blank(body)))
		return ANSWER_DELIVERED;
	if (status == 404 && is_no_database(body))
		return ANSWER_NO_DATABASE;
	if (status == 413)
		return ANSWER_TOO_LARGE;
	if (status == 0 || status == 408 || status == 425 || status == 429 || status >= 500)
		return ANSWER_RETRY;
	if ((status == 400 || status == 422) && !is_about_request(body))
		return ANSWER_UNCLEAR;
	return ANSWER_HELD;
}

/* ---- for people ---- */

/* The last place of the words, or NULL. */
static const char *last_of(struct view v, const char *words)
{
	const char *last = NULL;

	for (const char *p = v.p, *end = v.p + v.len; (p = memmem(p, (size_t)(end - p), words, strlen(words))); p++)
		last = p;
	return last;
}

void answer_words(struct view body, char *out, size_t size)
{
	static const char before[] = "unable to parse '", behind[] = "': ", gap[] = " ... ";
	size_t room = size - 1, n = 0;

	while (body.len && (unsigned char)body.p[body.len - 1] <= ' ')
		body.len--;
	if (body.len == 0)
		body.p = "";
	const char *line = body.len ? memmem(body.p, body.len, before, sizeof before - 1) : NULL;
	const char *reason = line ? last_of((struct view){ line, (size_t)(body.p + body.len - line) }, behind) : NULL;
	struct view head = body, tail = { body.p + body.len, 0 };
	if (reason) {
		head.len = (size_t)(line - body.p) + sizeof before - sizeof " '";
		tail = (struct view){ reason + 1, (size_t)(body.p + body.len - reason - 1) };
	}
	if (head.len + tail.len > room) { /* half for each, or what the other leaves */
		size_t left = room - (sizeof gap - 1), half = left / 2;
		struct view end = tail.len ? tail : head;
		size_t keep = end.len < half ? end.len : head.len < half && tail.len ? left - head.len : half;
		head.len = head.len < left - keep ? head.len : left - keep;
		tail = (struct view){ end.p + end.len - keep, keep };
		while (tail.len && ((unsigned char)*tail.p & 0xC0) == 0x80) { /* no half of a letter */
			tail.p++;
			tail.len--;
		}
		head.len = view_cut(body, head.len);
		n = (size_t)snprintf(out, size, "%.*s%s", (int)head.len, head.p, gap);
	} else if (head.len) {
		n = (size_t)snprintf(out, size, "%.*s", (int)head.len, head.p);
	}
	snprintf(out + n, size - n, "%.*s", (int)tail.len, tail.p);
}
