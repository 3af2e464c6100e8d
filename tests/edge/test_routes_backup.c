#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/store_view.h"
#include "support/edge_stand.h"

static struct edge_stand e;
static struct backup *backup;

static void start(void)
{
	struct stand_opts so = { .compactor = true };
	struct errbuf eb;

	edge_stand_open(&e, &so, false, false);
	struct backup_opts bo = { .committer = e.stand.committer,
		.compactor = e.stand.compactor,
		.spool = e.stand.spool,
		.store = e.stand.store,
		.host = "here",
		.version = "1.2.3" };
	cr_assert_eq(backup_new(&backup, &bo, &eb), ERR_OK, "%s", eb.text);
	e.services.backup = backup;
	e.services.store = e.stand.store;
	e.services.compactor = e.stand.compactor;
	cr_assert_eq(store_view_open(&e.services.store_view, e.stand.store_path, &eb), ERR_OK, "%s", eb.text);
}

static void end(void)
{
	http_stop(e.http);
	e.http = NULL;
	backup_free(backup);
	edge_stand_close(&e);
}

TestSuite(routes_backup, .init = start, .fini = end, .timeout = 60);

/* The whole answer of HTTP/1.0, where the body is not in chunks. */
static char *get(size_t *n)
{
	static const char request[] = "GET /api/v1/backup HTTP/1.0\r\nHost: localhost\r\n\r\n";
	char *text = malloc(64 << 20);
	int fd = client_connect(e.port);
	ssize_t k;

	*n = 0;
	client_say(fd, request);
	while ((k = recv(fd, text + *n, (64 << 20) - 1 - *n, 0)) > 0)
		*n += (size_t)k;
	text[*n] = 0;
	close(fd);
	return text;
}

/* Mebibytes that do not compress much. */
static void write_bytes(unsigned mib)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-";
	enum { WIDE = 32000 };
	char *text = malloc((1 << 20) + 40 * (WIDE + 100));

	for (unsigned m = 0; m < mib; m++) {
		size_t n = 0;
		for (unsigned i = 0; n < 1 << 20; i++) {
			n += (size_t)snprintf(text + n, 8, "m s=\"");
			for (unsigned k = 0; k < WIDE; k++)
				text[n++] = digits[random() % 64];
			n += (size_t)snprintf(text + n, 40, "\" %u\n", m * 1000 + i + 1);
		}
		stand_write(&e.stand, text);
	}
	free(text);
}

Test(routes_backup, answers_a_tar_archive_of_the_size_that_it_says)
{
	size_t n;

	stand_write(&e.stand, "m v=1 1\n");
	char *text = get(&n), *body = strstr(text, "\r\n\r\n") + 4;
	const char *size = strstr(text, "X-Holdfast-Size: ");
	cr_assert(strstr(text, "HTTP/1.1 200 OK") == text && size && size < body, "%.500s", text);
	cr_expect(strstr(text, "Content-Type: application/x-tar\r\n"));
	cr_expect_eq(n - (size_t)(body - text), strtoul(size + 17, NULL, 10));
	cr_expect_str_eq(body, "manifest.json");
	cr_expect(strstr(body + 512, "\"host\":\"here\""), "%.300s", body + 512);
	cr_expect_eq(counter_get(COUNTER_BACKUP_COMPLETE), 1);
	free(text);
}

Test(routes_backup, head_takes_no_moment)
{
	struct reply r = client_request(e.port, "HEAD", "/api/v1/backup", "", NULL, 0);

	cr_expect_eq(r.status, 200);
	cr_expect_eq(counter_get(COUNTER_BACKUP_COMPLETE) + counter_get(COUNTER_BACKUP_FAILED), 0);
	reply_free(&r);
}

static bool runs(void)
{
	struct backup_stats s;

	backup_stats(backup, &s);
	return s.running;
}

static void wait_while(bool running)
{
	for (int i = 0; i < 3000 && runs() == running; i++)
		usleep(10000);
	cr_assert_neq(runs(), running);
}

Test(routes_backup, a_second_one_is_told_to_wait_and_a_client_that_hangs_up_is_counted)
{
	write_bytes(24); /* more than the sockets hold */
	int fd = client_connect(e.port);
	client_say(fd, "GET /api/v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n");
	wait_while(false);
	json_t *root = edge_stand_get(&e, "/api/v1/backup", 409);
	cr_expect_str_eq(json_string_value(edge_stand_at(root, "error.code")), "conflict");
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/storage", 200);
	cr_expect(json_is_true(edge_stand_at(root, "backup.running")));
	cr_expect_gt(json_integer_value(edge_stand_at(root, "backup.size_bytes")), 16 << 20);
	json_decref(root);
	close(fd);
	wait_while(true);
	root = edge_stand_get(&e, "/api/v1/storage", 200);
	cr_expect_str_eq(json_string_value(edge_stand_at(root, "backup.last")), "failed");
	cr_expect(strstr(json_string_value(edge_stand_at(root, "backup.error")), "the client went away"));
	cr_expect(json_is_null(edge_stand_at(root, "backup.last_ok_ms")));
	json_decref(root);
	cr_expect_eq(counter_get(COUNTER_BACKUP_FAILED), 1);
	cr_expect_eq(counter_get(COUNTER_BACKUP_REFUSED), 1);
}

Test(routes_backup, a_client_that_reads_no_more_is_cut_off_and_the_files_are_free_again)
{
	struct http_opts o = { .host = "127.0.0.1",
		.threads = 4,
		.max_body = 1 << 20,
		.max_queue = 8 << 20,
		.silence_ms = 100,
		.routes = routes_table(),
		.arg = &e.services,
		.each_second = routes_each_second };
	struct errbuf eb;

	http_stop(e.http);
	cr_assert_eq(http_start(&e.http, &o, &eb), ERR_OK, "%s", eb.text);
	e.port = http_port(e.http);
	write_bytes(24);
	int fd = client_connect(e.port);
	client_say(fd, "GET /api/v1/backup HTTP/1.1\r\nHost: localhost\r\n\r\n");
	wait_while(false);
	wait_while(true);
	cr_expect_eq(counter_get(COUNTER_BACKUP_FAILED), 1);
	cr_expect_not(freeze_is_held(spool_freeze(e.stand.spool)));
	cr_expect_not(freeze_is_held(store_freeze(e.stand.store)));
	close(fd);
}

Test(routes_backup, without_a_store_it_is_not_there)
{
	e.services.backup = NULL;
	json_decref(edge_stand_get(&e, "/api/v1/backup", 503));
}
