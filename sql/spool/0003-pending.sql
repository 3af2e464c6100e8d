-- Targets get new rows beside older ones, and may be paused.

-- The newest row that was sent; seq stays what it was: every row up to it is delivered.
ALTER TABLE cursor ADD COLUMN live_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cursor ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;

CREATE TABLE pending (
	-- Rows between seq and live_seq that a target has still to get, in order; src/store/pending.h has what they mean.
	target   TEXT NOT NULL,
	db       INTEGER NOT NULL,	-- database.id; 0: all without rows of their own here
	from_seq INTEGER NOT NULL,
	to_seq   INTEGER NOT NULL,	-- 9223372036854775807: up to the live cursor
	min_ns   INTEGER NOT NULL,	-- of the points' timestamps
	max_ns   INTEGER NOT NULL,
	again    INTEGER NOT NULL,	-- 1: sent before; the lines in [min_ns, max_ns] are sent once more
	PRIMARY KEY (target, db, from_seq)
) STRICT, WITHOUT ROWID;
