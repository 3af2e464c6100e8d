-- The spool: what was acknowledged, in order, until it is delivered and no longer needed.

-- Namespaces. A row of `spool` names one by id; `metrics` is there from the start.
CREATE TABLE database (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO database (id, name) VALUES (1, 'metrics');

-- The type each field was first written with: 0 float, 1 integer, 2 unsigned, 3 boolean, 4 string.
CREATE TABLE field (
	db          INTEGER NOT NULL REFERENCES database (id),
	measurement BLOB NOT NULL,
	name        BLOB NOT NULL,
	type        INTEGER NOT NULL CHECK (type BETWEEN 0 AND 4),
	PRIMARY KEY (db, measurement, name)
) STRICT, WITHOUT ROWID;

-- One row a commit group and namespace. payload: zstd frames, one after the other, of line protocol with nanosecond
-- timestamps: what InfluxDB gets, byte for byte. min_ns and max_ns span the points' timestamps.
CREATE TABLE spool (
	seq         INTEGER PRIMARY KEY,
	db          INTEGER NOT NULL,
	points      INTEGER NOT NULL,
	received_ns INTEGER NOT NULL,
	min_ns      INTEGER NOT NULL,
	max_ns      INTEGER NOT NULL,
	payload     BLOB NOT NULL
) STRICT;

-- Runs of neighbouring spool rows, so that nobody has to walk the rows to find a time or a size, and the unit in which
-- rows go. Rows above the last extent are not in one yet.
CREATE TABLE extent (
	first_seq INTEGER PRIMARY KEY,
	last_seq  INTEGER NOT NULL,
	points    INTEGER NOT NULL,
	bytes     INTEGER NOT NULL,
	min_ns    INTEGER NOT NULL,
	max_ns    INTEGER NOT NULL
) STRICT;

-- How far each target has got: every row up to seq is delivered or in quarantine.
CREATE TABLE cursor (
	target TEXT PRIMARY KEY,
	seq    INTEGER NOT NULL,
	points INTEGER NOT NULL	-- delivered since the cursor began
) STRICT, WITHOUT ROWID;

-- Points that a target refused, with what it said.
CREATE TABLE quarantine (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	target TEXT NOT NULL,
	at_ns  INTEGER NOT NULL,
	db     TEXT NOT NULL,
	status INTEGER NOT NULL,	-- HTTP status
	reason TEXT NOT NULL,	-- the server's text
	points INTEGER NOT NULL,
	line   BLOB NOT NULL
) STRICT;

-- Points that were lost before delivery: never in silence.
CREATE TABLE gap (
	id      INTEGER PRIMARY KEY,
	at_ns   INTEGER NOT NULL,
	from_ns INTEGER NOT NULL,
	to_ns   INTEGER NOT NULL,
	points  INTEGER NOT NULL,
	cause   TEXT NOT NULL	-- spool_full, retention
) STRICT;

-- Single figures: evicted_until_ns (the newest timestamp of any row that was let go).
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
