-- The store: everything that has left memory, in compressed blocks, and the names that the blocks number.
-- docs/format.md describes the blocks' bytes. One process writes: holdfastd.

-- Namespaces. `metrics` is there from the start.
CREATE TABLE database (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO database (id, name) VALUES (1, 'metrics');

-- Measurements, numbered 0, 1, 2… in order of appearance. name: as line protocol writes it (escaped).
CREATE TABLE measurement (
	id   INTEGER PRIMARY KEY,
	db   INTEGER NOT NULL REFERENCES database (id),
	name BLOB NOT NULL
) STRICT;

-- The fields of a measurement, numbered 0, 1, 2…; the type is that of the first write:
-- 0 float, 1 integer, 2 unsigned, 3 boolean, 4 string.
CREATE TABLE field (
	measurement INTEGER NOT NULL REFERENCES measurement (id),
	number      INTEGER NOT NULL,
	name        BLOB NOT NULL,
	type        INTEGER NOT NULL CHECK (type BETWEEN 0 AND 4),
	PRIMARY KEY (measurement, number)
) STRICT, WITHOUT ROWID;

-- The series of a measurement, numbered 0, 1, 2… ("ordinal"). id: measurement << 20 | ordinal.
-- key: measurement and tags as line protocol writes them, tags sorted.
CREATE TABLE series (
	id  INTEGER PRIMARY KEY,
	key BLOB NOT NULL
) STRICT;

-- Finished blocks: the rows of neighbouring series of one measurement in one window of time, each timestamp once.
--
--   id      tier << 61 | window << 41 | measurement << 27 | first ordinal << 7 | part
--   tier    0 raw, 1 one minute, 2 one hour, 3 one day
--   window  time / the tier's window: 2 hours, 1 day, 8 days, 256 days, counted from 1970-01-01T00:00:00Z
--   part    0, 1, 2… where one series alone fills several blocks of a window
--
-- So that the rows lie in order of time within a tier, are written by appending, and go by the window.
CREATE TABLE block (
	id           INTEGER PRIMARY KEY,
	last_ordinal INTEGER NOT NULL,
	min_ns       INTEGER NOT NULL,	-- of the timestamps
	max_ns       INTEGER NOT NULL,
	points       INTEGER NOT NULL,	-- rows in all of its series
	data         BLOB NOT NULL
) STRICT;

-- Blocks that wait to be merged into those above, in order of writing: of two with the same series and timestamp the
-- later one counts.
CREATE TABLE piece (
	id            INTEGER PRIMARY KEY,
	tier          INTEGER NOT NULL,
	window        INTEGER NOT NULL,
	measurement   INTEGER NOT NULL,
	first_ordinal INTEGER NOT NULL,
	last_ordinal  INTEGER NOT NULL,
	min_ns        INTEGER NOT NULL,
	max_ns        INTEGER NOT NULL,
	points        INTEGER NOT NULL,
	written_ns    INTEGER NOT NULL,	-- wall clock
	data          BLOB NOT NULL
) STRICT;
CREATE INDEX piece_place ON piece (measurement, tier, window);

-- Single figures.
--   compacted_seq      every row of the spool up to this one is in the blocks and pieces
--   evicted_TIER_ns    rows of the tier (raw, 1m, 1h, 1d) before this were let go: retention, or the ceiling
--   evicted_TIER_ns_M  the same of measurement M alone
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
