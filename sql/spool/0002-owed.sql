CREATE TABLE owed ( -- Ranges of time of which a target lacks points, or may lack them: what they had is at most in store.db.
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	target        TEXT NOT NULL,	-- as in cursor
	db            INTEGER NOT NULL,	-- database.id
	from_ns       INTEGER NOT NULL,	-- of the points' timestamps
	to_ns         INTEGER NOT NULL,	-- the first that is not part of it
	done_until_ns INTEGER NOT NULL,	-- what lies before it has been sent since: owed is the rest
	cause         TEXT NOT NULL CHECK (cause IN ('before', 'overflow', 'missing')),
	-- before: written while the target was not configured; overflow: the spool let it go; missing: the target lost it
	added_ns      INTEGER NOT NULL	-- wall clock; of the first points that were put into it
) STRICT;

-- Where the target was, and which database `metrics` is there: another one has nothing of what this one got. Empty: an
-- older version did not remember it.
ALTER TABLE cursor ADD COLUMN record TEXT NOT NULL DEFAULT '';
