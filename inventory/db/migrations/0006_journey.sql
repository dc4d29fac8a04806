-- The way of the proof's server, as a run collected it.
CREATE TABLE journeys (
  run_id  INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
  rack_id INTEGER NOT NULL REFERENCES racks (id) ON DELETE CASCADE,
  data    TEXT NOT NULL CONSTRAINT "a journey is JSON" CHECK (json_valid(data))
) STRICT;
CREATE INDEX journeys_rack ON journeys (rack_id, run_id);
