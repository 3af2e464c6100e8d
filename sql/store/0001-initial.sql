-- The store: everything that has left memory, in compressed blocks, and the names that the blocks number.
-- One process writes: holdfastd. The comments stand within the tables so that `sqlite3 store.db .schema` prints them.

CREATE TABLE database (
	-- Namespaces. `metrics` is there from the start.
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO database (id, name) VALUES (1, 'metrics');

CREATE TABLE measurement (
	-- Measurements, numbered 0, 1, 2… in order of appearance.
	id   INTEGER PRIMARY KEY,
	db   INTEGER NOT NULL REFERENCES database (id),
	name BLOB NOT NULL	-- as line protocol writes it (escaped)
) STRICT;

CREATE TABLE field (
	-- The fields of a measurement. The type is that of the first write and never changes.
	measurement INTEGER NOT NULL REFERENCES measurement (id),
	number      INTEGER NOT NULL,	-- 0, 1, 2…; what the blocks call it
	name        BLOB NOT NULL,	-- as line protocol writes it (escaped)
	type        INTEGER NOT NULL CHECK (type BETWEEN 0 AND 4),	-- 0 float, 1 integer, 2 unsigned, 3 boolean, 4 string
	PRIMARY KEY (measurement, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE series (
	-- The series of a measurement, each with a number ("ordinal") 0, 1, 2… within it.
	id  INTEGER PRIMARY KEY,	-- measurement << 20 | ordinal
	key BLOB NOT NULL	-- measurement and tags as line protocol writes them, tags sorted
) STRICT;

CREATE TABLE block (
	-- Finished blocks: the rows of neighbouring series of one measurement in one window of time, each timestamp once.
	-- So numbered they lie in order of time within a tier, are written by appending, and go by the window.
	--   tier    0 raw, 1 one minute, 2 one hour, 3 one day
	--   window  time / the tier's window: 2 hours, 1 day, 8 days, 256 days, counted from 1970-01-01T00:00:00Z
	--   part    0, 1, 2… where one series alone fills several blocks of a window
	id           INTEGER PRIMARY KEY,	-- tier << 61 | window << 41 | measurement << 27 | first ordinal << 7 | part
	last_ordinal INTEGER NOT NULL,
	min_ns       INTEGER NOT NULL,	-- of the timestamps; of a rollup: of its buckets' beginnings
	max_ns       INTEGER NOT NULL,
	points       INTEGER NOT NULL,	-- rows in all of its series
	data         BLOB NOT NULL	-- "HFB" and a version: docs/format.md
) STRICT;

CREATE TABLE piece (
	-- Blocks that wait to be merged into those above, in order of writing: of two with the same series and timestamp the
	-- later one counts, field by field. They count after the blocks.
	id            INTEGER PRIMARY KEY,
	tier          INTEGER NOT NULL,	-- as in block.id
	window        INTEGER NOT NULL,
	measurement   INTEGER NOT NULL,
	first_ordinal INTEGER NOT NULL,
	last_ordinal  INTEGER NOT NULL,
	min_ns        INTEGER NOT NULL,
	max_ns        INTEGER NOT NULL,
	points        INTEGER NOT NULL,
	written_ns    INTEGER NOT NULL,	-- wall clock
	data          BLOB NOT NULL	-- as block.data
) STRICT;
CREATE INDEX piece_place ON piece (measurement, tier, window);

CREATE TABLE meta (
	-- Single figures.
	--   compacted_seq      every row of the spool up to this one is in the blocks and pieces
	--   evicted_TIER_ns    rows of the tier (raw, 1m, 1h, 1d) before this were let go: retention, or the ceiling
	--   evicted_TIER_ns_M  the same of measurement M alone
	--   without_minutes_ns, without_minutes_ns_M  some raw rows before this went without rollups by the minute
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
