/* The table of routes and web/openapi.json say the same: paths, methods, parameters. What the answers hold is checked
 * against the schemas by tests/integration/test_openapi.sh. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/word.h"
#include "support/edge_stand.h"

static struct edge_stand e;
static json_t *document;

static void start(void)
{
	edge_stand_open(&e, NULL, false, false);
	document = edge_stand_get(&e, "/api/v1/openapi.json", 200);
}

static void end(void)
{
	json_decref(document);
	edge_stand_close(&e);
}

TestSuite(routes_openapi, .init = start, .fini = end, .timeout = 60);

static const struct {
	const char *name;
	unsigned method;
} methods[] = { { "get", HTTP_GET }, { "post", HTTP_POST }, { "delete", HTTP_DELETE } };

static unsigned methods_of(json_t *path)
{
	unsigned m = 0;

	for (size_t i = 0; i < 3; i++)
		m |= json_object_get(path, methods[i].name) ? methods[i].method : 0;
	cr_expect_eq(json_object_size(path), (size_t)__builtin_popcount(m), "something else than get, post, delete");
	return m;
}

static json_t *follow(json_t *v)
{
	static const char stem[] = "#/components/parameters/";
	const char *ref = json_string_value(json_object_get(v, "$ref"));

	if (!ref)
		return v;
	cr_assert(!strncmp(ref, stem, sizeof stem - 1), "%s", ref);
	v = json_object_get(edge_stand_at(document, "components.parameters"), ref + sizeof stem - 1);
	cr_assert(v != NULL, "no %s", ref);
	return v;
}

/* All parameters in the query string, of every method of the path, with a space behind each. */
static void parameters_of(json_t *path, char *out, size_t size)
{
	json_t *p;
	size_t k;

	*out = 0;
	for (size_t i = 0; i < 3; i++)
		json_array_foreach(json_object_get(json_object_get(path, methods[i].name), "parameters"), k, p)
		{
			const char *name = json_string_value(json_object_get(follow(p), "name"));
			const char *in = json_string_value(json_object_get(follow(p), "in"));
			cr_assert(name && in);
			if (strcmp(in, "query") != 0 || word_is_in(out, name))
				continue;
			size_t n = strlen(out);
			snprintf(out + n, size - n, "%s ", name);
		}
}

static void expect_words(const char *part, const char *whole, const char *path, const char *where)
{
	char word[64];

	for (const char *p = part; *p;) {
		size_t n = strcspn(p, " ");
		snprintf(word, sizeof word, "%.*s", (int)n, p);
		cr_expect(word_is_in(whole, word), "%s: %s has no parameter %s", path, where, word);
		p += n + (p[n] == ' ');
	}
}

static void expect_path(const struct http_route *r, json_t *path)
{
	char have[512];

	cr_assert(path != NULL, "%s is not in web/openapi.json", r->path);
	cr_expect_eq(methods_of(path), r->methods, "%s has other methods in web/openapi.json", r->path);
	parameters_of(path, have, sizeof have);
	if (!r->parameters)
		return;
	expect_words(r->parameters, have, r->path, "web/openapi.json");
	expect_words(have, r->parameters, r->path, "the table of routes");
}

/* "/x/{a}" under "/x". */
static json_t *find_below(json_t *paths, const char *stem)
{
	const char *key;
	size_t n = strlen(stem);
	json_t *v;

	json_object_foreach(paths, key, v) if (!strncmp(key, stem, n) && !strncmp(key + n, "/{", 2) &&
	    strchr(key + n, '}') == key + strlen(key) - 1) return v;
	return NULL;
}

Test(routes_openapi, every_route_is_in_the_document)
{
	json_t *paths = edge_stand_at(document, "paths");

	for (const struct http_route *r = routes_table(); r->path; r++) {
		expect_path(r, json_object_get(paths, r->path));
		if (r->prefix && strcmp(r->path, "/") != 0)
			expect_path(r, find_below(paths, r->path));
		else
			cr_expect_null(find_below(paths, r->path), "%s has nothing below it", r->path);
	}
}

static const struct http_route *find_route(const char *path)
{
	size_t n = strcspn(path, "{");

	for (const struct http_route *r = routes_table(); r->path; r++) {
		size_t len = strlen(r->path);
		if (!strcmp(r->path, path) || (r->prefix && path[n] && len == n - 1 && !strncmp(r->path, path, len)))
			return r;
	}
	return NULL;
}

Test(routes_openapi, every_path_of_the_document_is_a_route)
{
	const char *path;
	json_t *v;

	json_object_foreach(edge_stand_at(document, "paths"), path, v)
	    cr_expect(find_route(path), "%s is not served", path);
}

Test(routes_openapi, version_is_that_of_the_package)
{
	cr_expect_str_eq(json_string_value(edge_stand_at(document, "openapi")), "3.1.0");
	cr_expect_str_eq(json_string_value(edge_stand_at(document, "info.version")), HF_VERSION);
}

Test(routes_openapi, every_route_takes_options_and_says_what_it_allows)
{
	char have[256];

	for (const struct http_route *r = routes_table(); r->path; r++) {
		struct reply a = client_request(e.port, "OPTIONS", r->path, "", NULL, 0);
		reply_header(&a, "Allow", have);
		cr_expect(a.status == 204 || a.status == 200, "%s: %d", r->path, a.status);
		cr_expect_eq(strstr(have, "GET, HEAD") != NULL, (r->methods & HTTP_GET) != 0, "%s: %s", r->path, have);
		cr_expect_eq(strstr(have, "POST") != NULL, (r->methods & HTTP_POST) != 0, "%s: %s", r->path, have);
		cr_expect_eq(strstr(have, "DELETE") != NULL, (r->methods & HTTP_DELETE) != 0, "%s: %s", r->path, have);
		reply_free(&a);
		a = client_request(e.port, "PUT", r->path, "", NULL, 0);
		cr_expect_eq(a.status, 405, "%s: %d", r->path, a.status);
		reply_free(&a);
	}
}

Test(routes_openapi, every_get_takes_head)
{
	for (const struct http_route *r = routes_table(); r->path; r++) {
		if (!(r->methods & HTTP_GET))
			continue;
		struct reply g = client_request(e.port, "HEAD", r->path, "Connection: close\r\n", NULL, 0);
		/* of an appliance without store and record some are refused, whatever the method */
		bool refused = !strcmp(r->path, "/query") && g.status == 405; /* as InfluxDB refuses it */
		cr_expect(g.status == 200 || g.status == 204 || g.status == 503 || g.status == 400 || refused, "%s: %d",
		    r->path, g.status);
		reply_free(&g);
	}
}

Test(routes_openapi, document_is_not_sent_twice)
{
	struct reply r = client_request(e.port, "GET", "/api/v1/openapi.json", "", NULL, 0);
	char etag[256], line[300];

	cr_assert_gt(strlen(reply_header(&r, "ETag", etag)), 2);
	reply_free(&r);
	snprintf(line, sizeof line, "If-None-Match: %s\r\n", etag);
	r = client_request(e.port, "GET", "/api/v1/openapi.json", line, NULL, 0);
	cr_expect_eq(r.status, 304);
	reply_free(&r);
}
