-- Runs that give a cloud new passwords. A CHECK cannot be changed in place: the table is made anew, see 0005.
CREATE TABLE runs_new (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  rack_id   INTEGER NOT NULL REFERENCES racks (id), -- a rack that has a history is not deleted by accident
  rack      TEXT NOT NULL,
  kind      TEXT NOT NULL CONSTRAINT "a run is an install, a reinstall, a release, an apply, a rotation, a check, an inspect, a rescue or a proof"
            CHECK (kind IN ('install', 'reinstall', 'release', 'apply', 'rotate', 'check', 'inspect', 'rescue', 'proof')),
  nodes     TEXT CONSTRAINT "a run's nodes are a JSON list" CHECK (nodes IS NULL OR json_type(nodes) = 'array'), -- that it is of; NULL: all
  plan_hash TEXT NOT NULL,
  erase     INTEGER NOT NULL CONSTRAINT "erase is true or false" CHECK (erase IN (0, 1)),
  state     TEXT NOT NULL CONSTRAINT "a run is active, done, failed or stopped" CHECK (state IN ('active', 'done', 'failed', 'stopped')),
  reason    TEXT NOT NULL,
  created   TEXT NOT NULL,
  ended     TEXT,
  attempt   INTEGER NOT NULL CONSTRAINT "a run's attempts count from 1" CHECK (attempt >= 1),
  stop_at   TEXT,
  stop_by   TEXT NOT NULL,
  stop_why  TEXT NOT NULL,
  resumed   TEXT
) STRICT;
INSERT INTO runs_new SELECT id, rack_id, rack, kind, nodes, plan_hash, erase, state, reason, created, ended, attempt, stop_at, stop_by, stop_why, resumed FROM runs;
DROP TABLE runs;
ALTER TABLE runs_new RENAME TO runs;
CREATE INDEX runs_rack ON runs (rack_id);
CREATE UNIQUE INDEX runs_one_active ON runs (rack_id) WHERE state = 'active';
