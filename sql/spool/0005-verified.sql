CREATE TABLE verified ( -- How far each database was found equal in the record, by the last look at it.
	db       INTEGER PRIMARY KEY,	-- database.id
	from_ns  INTEGER NOT NULL,	-- of the points' timestamps
	until_ns INTEGER NOT NULL,	-- the first that is not part of it
	at_ns    INTEGER NOT NULL,	-- wall clock: when that was seen
	deep     INTEGER NOT NULL	-- 1: value for value; 0: by count, first and last time
) STRICT;
