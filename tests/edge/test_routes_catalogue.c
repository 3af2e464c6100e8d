#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/edge_stand.h"

static struct edge_stand e;
static json_t *root;
static char *head; /* of the last answer */

static void start(void)
{
	edge_stand_open(&e, NULL, false, false);
	stand_write(&e.stand,
	    "cpu,host=a,core=0 v=1 1700000000000000000\n"
	    "cpu,host=a,core=1 v=1,n=2i 1700000000000000000\n"
	    "cpu,host=b,core=0 v=1 1700000000000000000\n"
	    "cpu,host=b v=1 1700000000000000000\n"
	    "my\\ disk,path=/a\\ b\\=c up=true,s=\"x\" 1700000000000000000\n"
	    "bare v=1 1700000000000000000\n");
}

static void end(void)
{
	json_decref(root);
	free(head);
	root = NULL;
	edge_stand_close(&e);
}

TestSuite(routes_catalogue, .init = start, .fini = end, .timeout = 60);

/* By HTTP/1.0, where the body is not in chunks. */
static int get_with(const char *target, const char *headers)
{
	size_t n = 0, size = 8 << 20;
	char *text = malloc(size);
	int fd = client_connect(e.port), status = 0;
	ssize_t k;

	client_say(fd, "GET ");
	client_say(fd, target);
	client_say(fd, " HTTP/1.0\r\nHost: localhost\r\n");
	client_say(fd, headers);
	client_say(fd, "\r\n");
	while (n + 1 < size && (k = recv(fd, text + n, size - 1 - n, 0)) > 0)
		n += (size_t)k;
	close(fd);
	text[n] = 0;
	cr_assert_eq(sscanf(text, "HTTP/1.1 %d", &status), 1, "%s", text);
	char *body = strstr(text, "\r\n\r\n");
	cr_assert(body != NULL);
	json_decref(root);
	root = json_loads(body + 4, 0, NULL);
	cr_assert(root || status == 304, "%s", body);
	body[2] = 0;
	free(head);
	head = text;
	return status;
}

static void get(const char *target)
{
	int status = get_with(target, "");

	cr_assert_eq(status, 200, "%s: %d", target, status);
}

/* Each entry's members of that name, with a space behind each. */
static const char *each(const char *list, const char *member)
{
	static char out[4096];
	json_t *v;
	size_t i, n = 0;

	out[0] = 0;
	json_array_foreach(edge_stand_at(root, list), i, v)
	{
		json_t *m = json_object_get(v, member);
		cr_assert(m != NULL, "%s.%zu has no %s", list, i, member);
		n += (size_t)(json_is_string(m)
			? snprintf(out + n, sizeof out - n, "%s ", json_string_value(m))
			: snprintf(out + n, sizeof out - n, "%lld ", (long long)json_integer_value(m)));
	}
	return out;
}

static const char *text(const char *path)
{
	const char *s = json_string_value(edge_stand_at(root, path));

	return s ? s : "(none)";
}

static void expect_error(const char *target, int status, const char *message, const char *hint)
{
	cr_expect_eq(get_with(target, ""), status, "%s", target);
	cr_expect(strstr(text("error.message"), message), "%s: %s", target, text("error.message"));
	cr_expect(strstr(text("error.hint"), hint), "%s: %s", target, text("error.hint"));
}

Test(routes_catalogue, measurements_with_what_they_have)
{
	get("/api/v1/measurements");
	cr_expect_str_eq(text("database"), "metrics");
	cr_expect_str_eq(each("measurements", "measurement"), "cpu my disk bare ");
	cr_expect_str_eq(each("measurements", "series"), "4 1 1 ");
	cr_expect_str_eq(each("measurements", "tags"), "2 1 0 ");
	cr_expect_str_eq(each("measurements", "fields"), "2 2 1 ");
	cr_expect(json_is_null(edge_stand_at(root, "next")));
	get("/api/v1/measurements?measurement=my%20disk");
	cr_expect_str_eq(each("measurements", "measurement"), "my disk ");
}

Test(routes_catalogue, series_with_plain_tags)
{
	get("/api/v1/series");
	cr_expect_str_eq(each("series", "measurement"), "cpu cpu cpu cpu my disk bare ");
	cr_expect_str_eq(text("series.0.tags.host"), "a");
	cr_expect_str_eq(text("series.4.tags.path"), "/a b=c");
	cr_expect_eq(json_object_size(edge_stand_at(root, "series.5.tags")), 0);
}

static size_t count(const char *target)
{
	get(target);
	return json_array_size(edge_stand_at(root, "series"));
}

Test(routes_catalogue, tags_choose_series)
{
	cr_expect_eq(count("/api/v1/series?tag=host%3Da"), 2);
	cr_expect_eq(count("/api/v1/series?tag=host=b&tag=core=0"), 1);
	cr_expect_eq(count("/api/v1/series?tag=core"), 3);
	cr_expect_eq(count("/api/v1/series?tag=host=b&tag=core="), 1); /* without the tag its value is "" */
	cr_expect_eq(count("/api/v1/series?tag=host=c"), 0);
	cr_expect_eq(count("/api/v1/series?tag=nope"), 0);
	cr_expect_eq(count("/api/v1/series?tag=path=/a%20b%3Dc"), 1);
	cr_expect_eq(count("/api/v1/series?measurement=cpu&tag=host"), 4);
	cr_expect_eq(count("/api/v1/series?measurement=bare"), 1);
}

Test(routes_catalogue, tags_and_their_values)
{
	get("/api/v1/tags?measurement=cpu");
	cr_expect_str_eq(each("tags", "tag"), "core host ");
	cr_expect_str_eq(each("tags", "values"), "2 2 ");
	cr_expect_str_eq(each("tags", "series"), "3 4 ");
	get("/api/v1/tags?tag=host");
	cr_expect_str_eq(each("values", "value"), "a b ");
	cr_expect_str_eq(each("values", "series"), "2 2 ");
	get("/api/v1/tags?tag=path&measurement=my%20disk");
	cr_expect_str_eq(each("values", "value"), "/a b=c ");
}

Test(routes_catalogue, fields_with_their_types)
{
	get("/api/v1/fields");
	cr_expect_str_eq(each("fields", "field"), "v n up s v ");
	cr_expect_str_eq(each("fields", "type"), "float integer boolean string float ");
}

/* Page by page gives what one page gives. */
static void expect_pages(const char *path, const char *list, const char *whole_query, unsigned limit)
{
	json_t *all = json_array(), *one;
	char target[256], cursor[64] = "";
	size_t i;

	for (unsigned pages = 0; pages < 50; pages++) {
		snprintf(target, sizeof target, "%s?limit=%u%s%s%s", path, limit, *cursor ? "&cursor=" : "", cursor,
		    whole_query);
		get(target);
		cr_assert_leq(json_array_size(edge_stand_at(root, list)), limit);
		json_array_foreach(edge_stand_at(root, list), i, one) json_array_append(all, one);
		if (json_is_null(edge_stand_at(root, "next")))
			break;
		snprintf(cursor, sizeof cursor, "%s", text("next"));
	}
	snprintf(target, sizeof target, "%s?%s", path, whole_query + (*whole_query == '&'));
	get(target);
	cr_expect(json_equal(all, edge_stand_at(root, list)), "%s by %u", target, limit);
	json_decref(all);
}

Test(routes_catalogue, pages_make_the_whole)
{
	for (unsigned limit = 1; limit <= 7; limit++) {
		expect_pages("/api/v1/series", "series", "", limit);
		expect_pages("/api/v1/series", "series", "&tag=host", limit);
		expect_pages("/api/v1/series", "series", "&tag=core=0&measurement=cpu", limit);
		expect_pages("/api/v1/measurements", "measurements", "", limit);
		expect_pages("/api/v1/tags", "tags", "", limit);
		expect_pages("/api/v1/tags", "values", "&tag=core", limit);
		expect_pages("/api/v1/fields", "fields", "", limit);
	}
}

Test(routes_catalogue, an_answer_longer_than_a_piece_is_whole)
{
	static char lines[900000];
	size_t n = 0;

	for (int i = 0; i < 12000; i++)
		n += (size_t)snprintf(lines + n, sizeof lines - n, "many,id=%d,host=here v=1 1700000000000000000\n", i);
	stand_write(&e.stand, lines);
	cr_expect_eq(count("/api/v1/series?measurement=many&limit=20000"), 12000);
	cr_expect_str_eq(text("series.11999.tags.id"), "11999");
	cr_expect_eq(count("/api/v1/series?measurement=many"), 1000, "so many without a limit");
	cr_expect_eq(count("/api/v1/series?tag=host=here&limit=11999"), 11999);
	cr_expect_str_eq(text("next"), "3.11999");
}

Test(routes_catalogue, what_is_not_there_is_404_with_the_nearest)
{
	expect_error("/api/v1/series?measurement=cpux", 404, "no measurement cpux", "known are: cpu, ");
	expect_error("/api/v1/fields?db=metric", 404, "no database metric", "known are: metrics");
	expect_error("/api/v1/tags?measurement=cpu&tag=hots", 404, "no tag hots", "known are: host, core");
}

Test(routes_catalogue, bad_parameters_are_400_with_their_name)
{
	expect_error("/api/v1/series?limit=0", 400, "limit=0", "");
	expect_error("/api/v1/series?limit=1048577", 400, "limit=1048577", "");
	expect_error("/api/v1/series?cursor=12", 400, "cursor=12", "`next`");
	expect_error("/api/v1/series?cursor=1.-1", 400, "cursor=1.-1", "`next`");
	expect_error("/api/v1/series?cursor=1.4294967295", 400, "cursor=", "`next`");
	expect_error("/api/v1/series?tag==a", 400, "tag==a", "host=web-01");
	expect_error("/api/v1/series?tag=a&tag=b&tag=c&tag=d&tag=e&tag=f&tag=g&tag=h&tag=i", 400, "more than 8", "");
	expect_error("/api/v1/fields?tag=a", 400, "no parameter tag", "");
	get("/api/v1/series?cursor=99.99"); /* behind all there is */
	cr_expect_eq(json_array_size(edge_stand_at(root, "series")), 0);
	cr_expect(json_is_null(edge_stand_at(root, "next")));
}

Test(routes_catalogue, a_list_is_sent_again_only_when_something_came)
{
	char header[300], *etag;

	get("/api/v1/series");
	etag = strstr(head, "ETag: ");
	cr_assert(etag != NULL, "%s", head);
	snprintf(header, sizeof header, "If-None-Match: %.*s\r\n", (int)strcspn(etag + 6, "\r"), etag + 6);
	cr_expect_eq(get_with("/api/v1/series", header), 304);
	stand_write(&e.stand, "cpu,host=a,core=0 v=2 1700000001000000000\n");
	cr_expect_eq(get_with("/api/v1/series", header), 304);
	stand_write(&e.stand, "cpu,host=a,core=0 fresh=2 1700000001000000000\n");
	cr_expect_eq(get_with("/api/v1/series", header), 200);
	cr_expect_eq(get_with("/api/v1/series?limit=x", header), 400);
}
