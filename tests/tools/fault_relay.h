/* HTTP/1.1 as bytes on their way from one connection to another. */
#ifndef FAULT_RELAY_H
#define FAULT_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_MAX = 16384, STREAM_BYTES = 65536 };

struct stream {
	int fd;
	size_t at, end; /* what was read and is not taken yet */
	char bytes[STREAM_BYTES];
};

struct sink { /* takes bytes */
	int fd; /* -1: leaves them out */
	long trickle_ms; /* between two bytes; 0: all at once */
};

struct head {
	char text[HEAD_MAX + 1]; /* with the empty line */
	size_t len;
	uint64_t length; /* of the body */
	bool chunked, close;
	int status; /* of an answer */
};

/* All: false when a connection ended, or with what is no HTTP. */
bool put(int fd, const char *p, size_t n);
bool give(const struct sink *to, const char *p, size_t n);
bool relay(struct stream *from, const struct sink *to, uint64_t n);
bool read_head(struct stream *s, struct head *h);
bool relay_body(struct stream *from, const struct head *h, const struct sink *to);
bool answer(int fd, const char *status, const char *headers, const char *body);

#endif
