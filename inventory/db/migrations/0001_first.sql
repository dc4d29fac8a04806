-- The names of the CHECK constraints are sentences: they are shown to a person.
-- Times are TEXT, RFC 3339 in UTC with nine digits, so that they sort.

CREATE TABLE racks (
  id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: it is part of what seals a secret
  name      TEXT NOT NULL UNIQUE CONSTRAINT "a rack has a name" CHECK (name <> ''),
  release   TEXT NOT NULL,
  region    TEXT NOT NULL,
  interface TEXT NOT NULL,
  address   TEXT NOT NULL,
  ssh_keys  TEXT CONSTRAINT "ssh_keys is a JSON list" CHECK (ssh_keys IS NULL OR json_type(ssh_keys) = 'array'),
  slow      INTEGER NOT NULL CONSTRAINT "slow is true or false" CHECK (slow IN (0, 1)),
  created   TEXT NOT NULL
) STRICT;

CREATE TABLE networks (
  id         INTEGER PRIMARY KEY,
  rack_id    INTEGER NOT NULL REFERENCES racks (id) ON DELETE CASCADE,
  kind       TEXT NOT NULL CONSTRAINT "a network is provisioning, provider or tenant" CHECK (kind IN ('provisioning', 'provider', 'tenant')),
  cidr       TEXT NOT NULL,
  gateway    TEXT NOT NULL,
  pool_start TEXT NOT NULL,
  pool_end   TEXT NOT NULL,
  mtu        INTEGER NOT NULL CONSTRAINT "an MTU is 576 to 65535 bytes" CHECK (mtu BETWEEN 576 AND 65535),
  UNIQUE (rack_id, kind),
  CONSTRAINT "a pool has both a start and an end" CHECK ((pool_start = '') = (pool_end = ''))
) STRICT;

CREATE TABLE nodes (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  rack_id      INTEGER NOT NULL REFERENCES racks (id) ON DELETE CASCADE,
  name         TEXT NOT NULL CONSTRAINT "a node has a name" CHECK (name <> ''),
  role         TEXT NOT NULL CONSTRAINT "a role is controller, compute or network" CHECK (role IN ('', 'controller', 'compute', 'network')),
  firmware     TEXT NOT NULL CONSTRAINT "firmware is bios or uefi" CHECK (firmware IN ('bios', 'uefi')),
  address      TEXT NOT NULL,
  state        TEXT NOT NULL CONSTRAINT "a node's state is one of docs/states.md" CHECK (state IN
                 ('discovered', 'inspected', 'ready', 'deploying', 'installed', 'configuring', 'active', 'failed', 'parked', 'releasing', 'maintenance')),
  reason       TEXT NOT NULL,
  since        TEXT NOT NULL,
  deadline     TEXT,
  system_disk  TEXT NOT NULL,
  volume_disk  TEXT NOT NULL,
  hardware     TEXT CONSTRAINT "hardware is JSON" CHECK (hardware IS NULL OR json_valid(hardware)),
  boot_nonce   TEXT NOT NULL,
  nonce_spends INTEGER NOT NULL CONSTRAINT "a nonce is not spent less than never" CHECK (nonce_spends >= 0),
  last_seen    TEXT NOT NULL,
  UNIQUE (rack_id, name),
  CONSTRAINT "a node in deploying, configuring or releasing has a deadline"
    CHECK (state NOT IN ('deploying', 'configuring', 'releasing') OR deadline IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX nodes_address ON nodes (rack_id, address) WHERE address <> '';

CREATE TABLE nics (
  id      INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  network TEXT NOT NULL CONSTRAINT "a NIC is on provisioning, provider or tenant" CHECK (network IN ('provisioning', 'provider', 'tenant')),
  mac     TEXT NOT NULL UNIQUE CONSTRAINT "a MAC is six bytes in lower case with colons" CHECK (mac GLOB
            '[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]')
) STRICT;
CREATE INDEX nics_node ON nics (node_id);

CREATE TABLE bmcs (
  id      INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL UNIQUE REFERENCES nodes (id) ON DELETE CASCADE,
  kind    TEXT NOT NULL CONSTRAINT "a BMC is ipmi or redfish" CHECK (kind IN ('ipmi', 'redfish')),
  address TEXT NOT NULL CONSTRAINT "a BMC has an address" CHECK (address <> ''),
  port    INTEGER NOT NULL CONSTRAINT "a BMC's port is 1 to 65535" CHECK (port BETWEEN 1 AND 65535),
  user    TEXT NOT NULL
) STRICT;

CREATE TABLE leases (
  id      INTEGER PRIMARY KEY,
  rack_id INTEGER NOT NULL REFERENCES racks (id) ON DELETE CASCADE,
  mac     TEXT NOT NULL CONSTRAINT "a lease's MAC is six bytes in lower case with colons" CHECK (mac GLOB
            '[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]'),
  address TEXT NOT NULL CONSTRAINT "a lease has an address" CHECK (address <> ''),
  node    TEXT NOT NULL,
  expires TEXT NOT NULL,
  UNIQUE (rack_id, address),
  UNIQUE (rack_id, mac)
) STRICT;

CREATE TABLE images (
  id          INTEGER PRIMARY KEY,
  name        TEXT NOT NULL UNIQUE CONSTRAINT "an image has a name" CHECK (name <> ''),
  format      TEXT NOT NULL CONSTRAINT "an image's format is raw, qcow2 or file" CHECK (format IN ('raw', 'qcow2', 'file')),
  digest      TEXT NOT NULL CONSTRAINT "an image has a digest" CHECK (digest <> ''),
  size        INTEGER NOT NULL CONSTRAINT "an image's size is not negative" CHECK (size >= 0),
  raw_digest  TEXT NOT NULL,
  raw_size    INTEGER NOT NULL CONSTRAINT "an image's raw size is not negative" CHECK (raw_size >= 0),
  compression TEXT NOT NULL CONSTRAINT "an image is compressed with zstd or not at all" CHECK (compression IN ('', 'zstd')),
  key         TEXT NOT NULL,
  built       TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  rack_id   INTEGER NOT NULL REFERENCES racks (id), -- a rack that has a history is not deleted by accident
  rack      TEXT NOT NULL,
  plan_hash TEXT NOT NULL,
  erase     INTEGER NOT NULL CONSTRAINT "erase is true or false" CHECK (erase IN (0, 1)),
  state     TEXT NOT NULL CONSTRAINT "a run is active, done or failed" CHECK (state IN ('active', 'done', 'failed')),
  reason    TEXT NOT NULL,
  created   TEXT NOT NULL,
  ended     TEXT,
  attempt   INTEGER NOT NULL CONSTRAINT "a run's attempts count from 1" CHECK (attempt >= 1)
) STRICT;
CREATE INDEX runs_rack ON runs (rack_id);
CREATE UNIQUE INDEX runs_one_active ON runs (rack_id) WHERE state = 'active';

CREATE TABLE steps (
  id         INTEGER PRIMARY KEY,
  run_id     INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  key        TEXT NOT NULL CONSTRAINT "a step has a key" CHECK (key <> ''),
  seq        INTEGER NOT NULL,
  node       TEXT NOT NULL,
  chapter    TEXT NOT NULL,
  title      TEXT NOT NULL,
  why        TEXT NOT NULL,
  kind       TEXT NOT NULL,
  owner      TEXT NOT NULL CONSTRAINT "a step's owner is appliance, agent or signal" CHECK (owner IN ('appliance', 'agent', 'signal')),
  spec       TEXT CONSTRAINT "a step's spec is JSON" CHECK (spec IS NULL OR json_valid(spec)),
  needs      TEXT CONSTRAINT "a step's needs are a JSON list" CHECK (needs IS NULL OR json_type(needs) = 'array'),
  notify     TEXT CONSTRAINT "a step's notify is a JSON list" CHECK (notify IS NULL OR json_type(notify) = 'array'),
  state      TEXT NOT NULL CONSTRAINT "a step is pending, ready, running, done, failed or skipped" CHECK (state IN
               ('pending', 'ready', 'running', 'done', 'failed', 'skipped')),
  timeout    INTEGER NOT NULL CONSTRAINT "a step's timeout is not negative" CHECK (timeout >= 0),
  attempt    INTEGER NOT NULL CONSTRAINT "a step's attempts are not negative" CHECK (attempt >= 0),
  ready_at   TEXT,
  started_at TEXT,
  ended_at   TEXT,
  deadline   TEXT,
  changed    INTEGER NOT NULL CONSTRAINT "changed is true or false" CHECK (changed IN (0, 1)),
  reason     TEXT NOT NULL,
  command    TEXT NOT NULL,
  stdout     TEXT NOT NULL,
  stderr     TEXT NOT NULL,
  UNIQUE (run_id, key),
  CONSTRAINT "a step in ready or running has a deadline" CHECK (state NOT IN ('ready', 'running') OR deadline IS NOT NULL)
) STRICT;
CREATE INDEX steps_order ON steps (run_id, seq);

CREATE TABLE events (
  id     INTEGER PRIMARY KEY AUTOINCREMENT, -- a reader resumes after an ID, so none is given twice
  time   TEXT NOT NULL,
  type   TEXT NOT NULL CONSTRAINT "an event has a type" CHECK (type <> ''),
  run_id INTEGER REFERENCES runs (id) ON DELETE SET NULL,
  node   TEXT NOT NULL,
  mac    TEXT NOT NULL,
  step   TEXT NOT NULL,
  text   TEXT NOT NULL
) STRICT;

CREATE TABLE secrets (
  id      INTEGER PRIMARY KEY,
  rack_id INTEGER REFERENCES racks (id) ON DELETE CASCADE, -- NULL: the appliance's own
  name    TEXT NOT NULL CONSTRAINT "a secret has a name" CHECK (name <> ''),
  sealed  BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX secrets_name ON secrets (coalesce(rack_id, 0), name);
