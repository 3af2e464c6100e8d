-- Points in quarantine have a reason in one word, can be sent again, and are counted by target and reason.

ALTER TABLE quarantine ADD COLUMN code TEXT NOT NULL DEFAULT 'other';	-- src/store/quarantine.h has the words
ALTER TABLE quarantine ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1;	-- how often the target refused it
ALTER TABLE quarantine ADD COLUMN replay INTEGER NOT NULL DEFAULT 0;	-- 1: it is to be sent again
CREATE INDEX quarantine_replay ON quarantine (target, db, id) WHERE replay = 1;

UPDATE quarantine SET code = CASE
	WHEN reason LIKE '%field type conflict%' THEN 'type_conflict'
	WHEN reason LIKE '%beyond retention policy%' THEN 'beyond_retention'
	WHEN reason LIKE '%max key length%' OR status = 413 THEN 'too_long'
	WHEN reason LIKE '%unable to parse%' THEN 'unparsable'
	WHEN reason LIKE 'poison:%' THEN 'poison'
	ELSE 'other' END;

CREATE TABLE quarantine_sum (
	-- What the quarantine has, so that nobody must count it. The triggers keep it true.
	target TEXT NOT NULL,
	code   TEXT NOT NULL,
	points INTEGER NOT NULL,
	bytes  INTEGER NOT NULL,	-- of lines and reasons, and 100 for each row
	replay INTEGER NOT NULL,	-- points that are to be sent again
	PRIMARY KEY (target, code)
) STRICT, WITHOUT ROWID;
INSERT INTO quarantine_sum SELECT target, code, count(*), sum(100 + length(line) + length(CAST(reason AS BLOB))), 0
	FROM quarantine GROUP BY target, code;

CREATE TRIGGER quarantine_added AFTER INSERT ON quarantine BEGIN
	INSERT INTO quarantine_sum VALUES (new.target, new.code, 1,
			100 + length(new.line) + length(CAST(new.reason AS BLOB)), new.replay)
		ON CONFLICT DO UPDATE SET points = points + 1, bytes = bytes + excluded.bytes, replay = replay + excluded.replay;
END;
CREATE TRIGGER quarantine_gone AFTER DELETE ON quarantine BEGIN
	UPDATE quarantine_sum SET points = points - 1, replay = replay - old.replay,
			bytes = bytes - 100 - length(old.line) - length(CAST(old.reason AS BLOB))
		WHERE target = old.target AND code = old.code;
	DELETE FROM quarantine_sum WHERE target = old.target AND code = old.code AND points = 0;
END;
CREATE TRIGGER quarantine_changed AFTER UPDATE ON quarantine BEGIN
	INSERT INTO quarantine_sum VALUES (new.target, new.code, 1,
			100 + length(new.line) + length(CAST(new.reason AS BLOB)), new.replay)
		ON CONFLICT DO UPDATE SET points = points + 1, bytes = bytes + excluded.bytes, replay = replay + excluded.replay;
	UPDATE quarantine_sum SET points = points - 1, replay = replay - old.replay,
			bytes = bytes - 100 - length(old.line) - length(CAST(old.reason AS BLOB))
		WHERE target = old.target AND code = old.code;
	DELETE FROM quarantine_sum WHERE target = old.target AND code = old.code AND points = 0;
END;
