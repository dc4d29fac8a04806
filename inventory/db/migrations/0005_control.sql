-- Runs that inspect or prove, and runs that a person stopped. A CHECK cannot be
-- changed in place: the table is made anew, as https://sqlite.org/lang_altertable.html
-- §7 says. What refers to runs stays as it is, since foreign keys are off meanwhile.
CREATE TABLE runs_new (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  rack_id   INTEGER NOT NULL REFERENCES racks (id), -- a rack that has a history is not deleted by accident
  rack      TEXT NOT NULL,
  kind      TEXT NOT NULL CONSTRAINT "a run is an install, an inspect or a proof" CHECK (kind IN ('install', 'inspect', 'proof')),
  plan_hash TEXT NOT NULL,
  erase     INTEGER NOT NULL CONSTRAINT "erase is true or false" CHECK (erase IN (0, 1)),
  state     TEXT NOT NULL CONSTRAINT "a run is active, done, failed or stopped" CHECK (state IN ('active', 'done', 'failed', 'stopped')),
  reason    TEXT NOT NULL,
  created   TEXT NOT NULL,
  ended     TEXT,
  attempt   INTEGER NOT NULL CONSTRAINT "a run's attempts count from 1" CHECK (attempt >= 1),
  stop_at   TEXT,
  stop_by   TEXT NOT NULL,
  stop_why  TEXT NOT NULL
) STRICT;
INSERT INTO runs_new SELECT id, rack_id, rack, 'install', plan_hash, erase, state, reason, created, ended, attempt, NULL, '', '' FROM runs;
DROP TABLE runs;
ALTER TABLE runs_new RENAME TO runs;
CREATE INDEX runs_rack ON runs (rack_id);
CREATE UNIQUE INDEX runs_one_active ON runs (rack_id) WHERE state = 'active';

-- Who skipped a step or had it tried again, and what a step changed.
ALTER TABLE steps ADD COLUMN "by" TEXT NOT NULL DEFAULT '';
ALTER TABLE steps ADD COLUMN diff TEXT NOT NULL DEFAULT '';

-- A machine that nobody knows is inspected once.
ALTER TABLE racks ADD COLUMN inspect_newcomers INTEGER NOT NULL DEFAULT 1
  CONSTRAINT "inspect_newcomers is true or false" CHECK (inspect_newcomers IN (0, 1));
