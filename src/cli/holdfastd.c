#include "cli/holdfastd.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

enum err holdfastd_find(char out[PATH_ROOM], struct errbuf *eb)
{
	char self[PATH_ROOM - 16];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash) {
		*slash = 0;
		snprintf(out, PATH_ROOM, "%s/holdfastd", self);
		if (access(out, X_OK) == 0)
			return ERR_OK;
	}
	snprintf(out, PATH_ROOM, "%s/holdfastd", HF_SBINDIR);
	if (access(out, X_OK) == 0)
		return ERR_OK;
	return errbuf_set(eb, ERR_NOTFOUND, "holdfastd is neither in %s nor in %s", slash ? self : ".", HF_SBINDIR);
}

int holdfastd_run(const char **argv, struct errbuf *eb)
{
	char path[PATH_ROOM];
	int status;

	if (holdfastd_find(path, eb) != ERR_OK)
		return -1;
	argv[0] = path;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		execv(path, (char *const *)(uintptr_t)argv);
		fprintf(stderr, "holdfast: cannot run %s: %s\n", path, strerror(errno));
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0)
		errbuf_set(eb, ERR_IO, "cannot run %s: %s", path, strerror(errno));
	else if (!WIFEXITED(status))
		errbuf_set(eb, ERR_IO, "%s was ended by signal %d", path, WTERMSIG(status));
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
