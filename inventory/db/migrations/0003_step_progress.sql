-- How far a running step is, where its owner can tell.
ALTER TABLE steps ADD COLUMN progress REAL NOT NULL DEFAULT 0
  CONSTRAINT "progress is from 0 to 1" CHECK (progress BETWEEN 0 AND 1);
