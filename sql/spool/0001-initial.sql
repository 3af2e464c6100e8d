-- The spool: what was acknowledged, in order, until it is delivered and no longer needed. One process writes: holdfastd.
-- The comments stand within the tables so that `sqlite3 spool.db .schema` prints them.

CREATE TABLE database (
	-- Namespaces. `metrics` is there from the start.
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO database (id, name) VALUES (1, 'metrics');

CREATE TABLE field (
	-- The type each field was first written with, which outlives the rows.
	db          INTEGER NOT NULL REFERENCES database (id),
	measurement BLOB NOT NULL,	-- as line protocol writes it (escaped)
	name        BLOB NOT NULL,	-- likewise
	type        INTEGER NOT NULL CHECK (type BETWEEN 0 AND 4),	-- 0 float, 1 integer, 2 unsigned, 3 boolean, 4 string
	PRIMARY KEY (db, measurement, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE spool (
	-- One row a commit group and namespace.
	seq         INTEGER PRIMARY KEY,	-- rises; a number is never used again
	db          INTEGER NOT NULL,	-- database.id
	points      INTEGER NOT NULL,	-- lines in the payload
	received_ns INTEGER NOT NULL,	-- wall clock
	min_ns      INTEGER NOT NULL,	-- of the points' timestamps
	max_ns      INTEGER NOT NULL,
	-- zstd frames, one after the other, of line protocol with nanosecond timestamps: what InfluxDB gets, byte for byte
	payload     BLOB NOT NULL
) STRICT;

CREATE TABLE extent (
	-- Runs of neighbouring spool rows, so that nobody has to walk the rows to find a time or a size, and the unit in
	-- which rows go. Rows above the last extent are not in one yet.
	first_seq INTEGER PRIMARY KEY,
	last_seq  INTEGER NOT NULL,
	points    INTEGER NOT NULL,
	bytes     INTEGER NOT NULL,	-- of the payloads
	min_ns    INTEGER NOT NULL,
	max_ns    INTEGER NOT NULL
) STRICT;

CREATE TABLE cursor (
	-- How far each target has got.
	target TEXT PRIMARY KEY,
	seq    INTEGER NOT NULL,	-- every row up to it is delivered or in quarantine
	points INTEGER NOT NULL	-- delivered since the cursor began
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
	-- Points that a target refused, with what it said.
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	target TEXT NOT NULL,
	at_ns  INTEGER NOT NULL,	-- wall clock
	db     TEXT NOT NULL,
	status INTEGER NOT NULL,	-- HTTP status
	reason TEXT NOT NULL,	-- the server's text
	points INTEGER NOT NULL,
	line   BLOB NOT NULL	-- line protocol
) STRICT;

CREATE TABLE gap (
	-- Points that were lost before delivery: never in silence.
	id      INTEGER PRIMARY KEY,
	at_ns   INTEGER NOT NULL,	-- when that was seen
	from_ns INTEGER NOT NULL,	-- of the points' timestamps
	to_ns   INTEGER NOT NULL,
	points  INTEGER NOT NULL,
	cause   TEXT NOT NULL	-- spool_full, retention, spool_damaged
) STRICT;

CREATE TABLE meta (
	-- Single figures.
	--   evicted_until_ns   the newest timestamp of any row that was let go
	--   evicted_until_seq  the last number that was let go: new rows begin above it, also in an empty table
	--   first_seq          the first number of a file that took a damaged one's place
	--   clean              there while nobody has the file open, if it was closed in order
	--   salvage:STAMP      how far the rows of the damaged file of that name are taken over
	--   retention:NAME     how long the record's database of that name keeps points, where holdfastd set it; 0: for ever
	--   rollups_1h:PLACE   rollups of that tier that begin before it have been sent there (server and database); likewise 1d
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
