/* What the daemon says of how far InfluxDB was found to have everything, as one line. Any thread. */
#ifndef CLI_VERIFIED_H
#define CLI_VERIFIED_H

#include <jansson.h>

enum { VERIFIED_LINE = 640 };

/* Of the object that GET /api/v1/replication gives. Empty where there is no InfluxDB. */
void verified_line(const json_t *replication, char out[VERIFIED_LINE]);

#endif
