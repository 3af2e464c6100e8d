/* What all connections to a server share, used by many threads at once while the secret changes in its file: for
 * ThreadSanitizer. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/influx_part.h"

enum { THREADS = 4, ROUNDS = 2000 };

static struct influx_server *server;
static char path[] = "/tmp/holdfast-race-XXXXXX";

static void use(unsigned i)
{
	char version[32], text[] = "the server shows secret-0 and secret-1";
	uint64_t generation;
	struct buf header;

	buf_init(&header, 4096);
	influx_server_authorization(server, i & 1, &header, &generation);
	if (!memmem(header.p, header.len, "secret-", 7))
		abort();
	buf_fini(&header);
	influx_server_scrub(server, text, strlen(text));
	influx_server_found(server, i & 1 ? RECORD_API_1 : RECORD_API_3, "3.0.1");
	influx_server_version(server, version);
	if (i % 7 == 0)
		influx_server_forget(server);
	influx_server_unauthorized(server);
	if ((unsigned)influx_server_api(server) > RECORD_API_LINES || generation > influx_server_generation(server))
		abort();
}

static void *run(void *arg)
{
	struct errbuf eb;

	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct influx *in;
		use(i);
		if (i % 100 == 0 && influx_open(&in, server, &eb) == ERR_OK)
			influx_close(in);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	struct errbuf eb;
	int fd = mkstemp(path), failed = 0;
	const struct influx_opts opts = { .url = "http://influx.example:8086", .token_file = path };

	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (fd < 0 || write(fd, "secret-0", 8) != 8 || influx_server_new(&server, &opts, &eb) != ERR_OK) {
		puts("Bail out! cannot begin");
		return 1;
	}
	for (int i = 0; i < THREADS; i++)
		failed |= pthread_create(&threads[i], NULL, run, NULL);
	for (int i = 0; i < ROUNDS / 10 && !failed; i++) {
		failed |= pwrite(fd, i & 1 ? "secret-0" : "secret-1", 8, 0) != 8;
		failed |= influx_server_reload(server, &eb) != ERR_OK;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	close(fd);
	unlink(path);
	influx_server_free(server);
	curl_global_cleanup();
	printf("%s 1 - a server is shared by threads while its secret changes\n1..1\n", failed ? "not ok" : "ok");
	return failed;
}
