/* How many processes there are in which state. The kernel has no sum of that: each process's own file must be read, at
 * 7 us when it is opened anew and 3 us when it is still open. So the files of the first KEPT processes stay open (they
 * are the longest-lived ones; never more than a quarter of what the daemon may open). And on machines with very many
 * the walk rests in between, so that it never takes more than one part in SHARE of the time: the rounds without a walk
 * tell only the number of threads. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "edge/collect_part.h"

enum { KEPT = 256, SHARE = 1000, STAT_BYTES = 256 };
enum { RUNNING, SLEEPING, BLOCKED, STOPPED, ZOMBIES, IDLE, DEAD, PAGING, UNKNOWN, STATES };

static const char *const fields[STATES] = { "running", "sleeping", "blocked", "stopped", "zombies", "idle", "dead",
	"paging", "unknown" };

struct kept {
	uint64_t pid;
	int fd;
};

struct state {
	DIR *proc;
	unsigned n, most;
	struct kept kept[KEPT]; /* in the order of the walk, which is that of the pids */
	int64_t rest_until_ns; /* monotonic */
};

static void init(const struct collect_ctx *x, void *state)
{
	struct state *s = state;
	struct rlimit limit;

	(void)x;
	s->most = KEPT;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < KEPT)
		s->most = (unsigned)(limit.rlim_cur / 4);
}

static void fini(void *state)
{
	struct state *s = state;

	for (unsigned i = 0; i < s->n; i++)
		close(s->kept[i].fd);
	if (s->proc)
		closedir(s->proc);
}

static int state_of(char letter)
{
	switch (letter) {
	case 'R':
		return RUNNING;
	case 'S':
		return SLEEPING;
	case 'D':
		return BLOCKED;
	case 'T':
	case 't':
		return STOPPED;
	case 'Z':
		return ZOMBIES;
	case 'I':
	case 'P': /* a parked kernel thread, waiting for its cpu to come back */
		return IDLE;
	case 'X':
	case 'x':
		return DEAD;
	case 'W':
		return PAGING;
	default:
		return UNKNOWN;
	}
}

/* "42 (any name) S …": a state, or -1 with errno. */
static int read_state(int fd)
{
	char text[STAT_BYTES];
	ssize_t n = pread(fd, text, sizeof text, 0);

	if (n < 0)
		return -1;
	const char *p = memrchr(text, ')', (size_t)n);
	return p && p + 2 < text + n ? state_of(p[2]) : UNKNOWN;
}

static bool is_gone(int why)
{
	return why == ENOENT || why == ESRCH;
}

/* The state of a process whose file is not open, or -1 with errno. The descriptor stays open in *fd if keep says so. */
static int open_state(const struct state *s, const char *pid, bool keep, int *fd)
{
	char path[32];
	size_t n = strlen(pid);

	*fd = -1;
	if (n + sizeof "/stat" > sizeof path) {
		errno = ENOENT;
		return -1;
	}
	memcpy(path, pid, n);
	memcpy(path + n, "/stat", sizeof "/stat");
	*fd = openat(dirfd(s->proc), path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return errno == EACCES || errno == EPERM ? UNKNOWN : -1; /* hidepid= */
	int state = read_state(*fd), why = errno;
	if (state < 0 || !keep) {
		close(*fd);
		*fd = -1;
	}
	errno = why;
	return state;
}

/* One pass over /proc beside the list of files kept open, which is rebuilt on the way. */
static enum err walk(struct state *s, uint64_t count[STATES], struct errbuf *eb)
{
	struct kept before[KEPT];
	unsigned n = s->n, next = 0;
	enum err e = ERR_OK;
	struct dirent *d;

	memcpy(before, s->kept, n * sizeof *before);
	s->n = 0;
	rewinddir(s->proc);
	for (errno = 0; (d = readdir(s->proc)); errno = 0) {
		uint64_t pid;
		if (!num_parse_u64(view_of(d->d_name), &pid))
			continue;
		while (next < n && before[next].pid < pid)
			close(before[next++].fd);
		int fd = -1, state = -1;
		if (next < n && before[next].pid == pid) {
			fd = before[next++].fd;
			state = read_state(fd);
			if (state < 0) { /* ended; the number may have a new owner */
				close(fd);
				fd = -1;
			}
		}
		if (state < 0)
			state = open_state(s, d->d_name, s->n < s->most, &fd);
		if (state >= 0)
			count[state]++;
		else if (!is_gone(errno) && e == ERR_OK)
			e = errbuf_set(
			    eb, ERR_IO, "cannot read the state of process %s: %s", d->d_name, strerror(errno));
		if (fd >= 0 && s->n < s->most)
			s->kept[s->n++] = (struct kept){ pid, fd };
		else if (fd >= 0)
			close(fd);
	}
	if (errno && e == ERR_OK)
		e = errbuf_set(eb, ERR_IO, "cannot list the processes: %s", strerror(errno));
	while (next < n)
		close(before[next++].fd);
	return e;
}

/* "0.00 0.01 0.05 2/345 6789": 345. */
static enum err count_threads(struct collect_ctx *x, uint64_t *threads, struct errbuf *eb)
{
	struct scan text, line;
	struct view word;
	enum err e = collect_source_read(&x->loadavg, x, &text, eb);

	if (e != ERR_OK)
		return e;
	if (!scan_line(&text, &line) || !scan_until(&line, '/', &word) || !scan_u64(&line, threads))
		return errbuf_set(eb, ERR_CORRUPT, "%s does not say how many threads there are", x->loadavg.path);
	return ERR_OK;
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct state *s = state;
	uint64_t count[STATES] = { 0 }, total = 0, threads;
	int64_t start = clock_mono_ns();
	bool walked = start >= s->rest_until_ns;

	if (!s->proc && !(s->proc = opendir(x->proc)))
		return errbuf_set(
		    eb, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s: %s", x->proc, strerror(errno));
	enum err e = count_threads(x, &threads, eb);
	if (e == ERR_OK && walked) {
		e = walk(s, count, eb);
		int64_t end = clock_mono_ns();
		s->rest_until_ns = end + (end - start) * (SHARE - 1);
	}
	if (e != ERR_OK)
		return e;
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "resource_type", "processes");
	for (int i = 0; walked && i < STATES; i++) {
		collect_count(x, fields[i], count[i]);
		total += count[i];
	}
	if (walked)
		collect_count(x, "total", total);
	collect_count(x, "total_threads", threads);
	collect_end(x);
	return ERR_OK;
}

const struct collector collect_processes = { "processes", sizeof(struct state), init, run, fini };
