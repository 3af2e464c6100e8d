/* Time zones by their name in the system's database, as tz('Europe/Berlin') names them. Any thread. */
#ifndef QUERY_INFLUXQL_ZONE_H
#define QUERY_INFLUXQL_ZONE_H

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct iql_zone;

bool iql_zone_exists(struct view name);
/* "" and "UTC": ERR_OK and NULL, which every function here takes for UTC. ERR_NOTFOUND: no such zone; ERR_CORRUPT. */
NODISCARD enum err iql_zone_open(struct iql_zone **out, struct view name);
void iql_zone_close(struct iql_zone *z); /* NULL is fine */

/* Seconds east of UTC at that instant. After the last change the file knows (Debian's reach 2037) that one stays. */
int32_t iql_zone_offset(const struct iql_zone *z, int64_t utc_s);
/* The instant when clocks there show local_s (seconds as if they showed UTC), as InfluxDB decides where there are two or
 * none. */
int64_t iql_zone_to_utc(const struct iql_zone *z, int64_t local_s);

#endif
