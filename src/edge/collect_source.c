#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "edge/collect_part.h"

void collect_source_init(struct collect_source *s, const struct collect_ctx *x, const char *path, size_t max_bytes)
{
	s->fd = -1;
	s->round = 0;
	buf_init(&s->text, max_bytes);
	int n = snprintf(s->path, sizeof s->path, "%s/%s", x->proc, path);
	if (n < 0 || (size_t)n >= sizeof s->path)
		s->path[0] = 0; /* opens as "no such file" */
}

static void close_source(struct collect_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void collect_source_fini(struct collect_source *s)
{
	close_source(s);
	buf_fini(&s->text);
}

static enum err fill(struct collect_source *s, struct errbuf *eb)
{
	if (s->fd < 0)
		s->fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return errbuf_set(
		    eb, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s: %s", s->path, strerror(errno));
	buf_clear(&s->text);
	return file_reread(s->fd, s->path, &s->text, eb);
}

enum err collect_source_read(
    struct collect_source *s, const struct collect_ctx *x, struct scan *text, struct errbuf *eb)
{
	if (s->round != x->round) {
		enum err e = fill(s, eb);
		if (e != ERR_OK) {
			close_source(s); /* the next round may find it mended */
			return e;
		}
		if (s->text.len > 0 && s->text.p[s->text.len - 1] != '\n')
			return errbuf_set(eb, ERR_CORRUPT, "%s is cut short", s->path);
		s->round = x->round;
	}
	*text = (struct scan){ s->text.p, s->text.p + s->text.len };
	return ERR_OK;
}
