-- The boot decision asks for a node's events of some types since a time.
CREATE INDEX events_node ON events (node, time);

-- How long an image took to build, for the page.
ALTER TABLE images ADD COLUMN seconds REAL NOT NULL DEFAULT 0
  CONSTRAINT "a build does not take less than no time" CHECK (seconds >= 0);
