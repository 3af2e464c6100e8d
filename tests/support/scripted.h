/* An HTTP server that answers as it was told and keeps what it was asked, byte by byte: for servers that cannot be
 * installed here. On 127.0.0.1, a port that the system chose. Aborts the test where it cannot go on. */
#ifndef TESTS_SUPPORT_SCRIPTED_H
#define TESTS_SUPPORT_SCRIPTED_H

struct scripted;

struct scripted *scripted_start(void);
void scripted_stop(struct scripted *s);
const char *scripted_url(const struct scripted *s); /* http://127.0.0.1:PORT */

/* The next request that begins with `begins` ("POST /write") gets this whole HTTP text, once; answers stand in line. A
 * request without one gets 404. "": the connection ends without an answer; a text shorter than it promises ends it too. */
void scripted_answer(struct scripted *s, const char *begins, const char *raw);
/* Nothing is answered before so many requests are there. */
void scripted_hold_until(struct scripted *s, unsigned requests);

unsigned scripted_count(struct scripted *s); /* of requests since the last clear */
/* The n-th request from 0, head and body, with PORT in place of the port; lives until the next clear. */
const char *scripted_request(struct scripted *s, unsigned n);
unsigned scripted_connections(struct scripted *s); /* since the start */
void scripted_clear(struct scripted *s);

#endif
