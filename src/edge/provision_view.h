/* The record's databases as /api/v1/replication shows them. */
#ifndef EDGE_PROVISION_VIEW_H
#define EDGE_PROVISION_VIEW_H

#include "base/buf.h"
#include "flow/provision.h"

/* The member "places": [{"database","state","retention_ms","wanted_ms","set_by_holdfast","looked_ms","changed_ms","error"}];
 * p NULL: an empty list. */
void provision_view(struct buf *b, struct provision *p);

#endif
