#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <curl/curl.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/restore.h"
#include "daemon/verify.h"

enum { EXIT_NOT_WHOLE = 1, EXIT_BAD_INPUT = 2 };

static int complain(const struct errbuf *eb)
{
	fprintf(stderr, "holdfastd: %s\n", eb->text);
	return EXIT_BAD_INPUT;
}

static void take_signals(struct daemon *d, const sigset_t *signals)
{
	int sig;

	while (sigwait(signals, &sig) == 0) {
		if (sig == SIGHUP) {
			log_info("SIGHUP: trying InfluxDB again");
			daemon_reload(d);
			continue;
		}
		log_info("stopping on %s", sig == SIGTERM ? "SIGTERM" : "SIGINT");
		return;
	}
}

static int verify(const char *dir)
{
	struct errbuf eb = { "" };
	enum err e = verify_folder(dir, &eb);

	if (e == ERR_OK)
		return 0;
	(void)complain(&eb);
	return e == ERR_CORRUPT ? EXIT_NOT_WHOLE : EXIT_BAD_INPUT;
}

static int restore(const struct config *config)
{
	struct restore_opts opts = {
		.backup = config->restore, .data_dir = config->server.data_dir, .force = config->force
	};
	struct errbuf eb = { "" };

	if (restore_check(&opts, &eb) != ERR_OK)
		return complain(&eb);
	int status = verify(config->restore);
	if (status)
		return status;
	if (restore_run(&opts, &eb) != ERR_OK)
		return complain(&eb);
	printf("%s is restored; start holdfastd\n", config->server.data_dir);
	return 0;
}

int main(int argc, char **argv)
{
	struct config config;
	struct daemon *d;
	struct errbuf eb = { "" };
	sigset_t signals;
	bool done = false;

	umask(077); /* all it writes is the owner's alone; here, since threads share it */
	/* Many threads that allocate a little each: without this glibc keeps a heap for each of them. */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 256 << 10);
	/* Queries take megabytes and give them back: the heap keeps them for the next one. */
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
	if (config_load(&config, argc, argv, &done, &eb) != ERR_OK)
		return complain(&eb);
	if (done) {
		config_fini(&config);
		return 0;
	}
	if (config.verify || config.restore) {
		int status = config.verify ? verify(config.verify) : restore(&config);
		config_fini(&config);
		return status;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write, not the end */
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (daemon_start(&d, &config, &eb) != ERR_OK) {
		config_fini(&config);
		return complain(&eb);
	}
	log_info("Holdfast %s: http://%s:%u/", HF_VERSION, config.server.listen_host, daemon_port(d));
	take_signals(d, &signals);
	daemon_stop(d);
	config_fini(&config);
	curl_global_cleanup();
	log_info("stopped");
	return 0;
}
