PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE `migrations` (`id` text,PRIMARY KEY (`id`));
INSERT INTO migrations VALUES('0001_first');
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
INSERT INTO racks VALUES(1,'demo','2025.1','RegionOne','br-mgmt','10.77.0.1/24','["ssh-ed25519 AAAA \u003cme@here\u003e"]',1,'2025-11-24T01:02:03.456789012Z');
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
INSERT INTO networks VALUES(1,1,'provisioning','10.77.0.0/24','','10.77.0.100','10.77.0.102',1500);
INSERT INTO networks VALUES(2,1,'provider','203.0.113.0/24','203.0.113.1','203.0.113.100','203.0.113.199',1400);
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
INSERT INTO nodes VALUES(1,1,'controller-1','controller','bios','10.77.0.11','ready','','2025-11-24T01:02:03.456789012Z',NULL,'','',NULL,'',0,'0001-01-01T00:00:00.000000000Z');
INSERT INTO nodes VALUES(2,1,'network-1','network','bios','10.77.0.12','ready','','2025-11-24T01:02:03.456789012Z',NULL,'','',NULL,'',0,'0001-01-01T00:00:00.000000000Z');
INSERT INTO nodes VALUES(3,1,'compute-1','compute','bios','10.77.0.13','ready','','2025-11-24T01:02:03.456789012Z',NULL,'','',NULL,'',0,'0001-01-01T00:00:00.000000000Z');
CREATE TABLE nics (
  id      INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  network TEXT NOT NULL CONSTRAINT "a NIC is on provisioning, provider or tenant" CHECK (network IN ('provisioning', 'provider', 'tenant')),
  mac     TEXT NOT NULL UNIQUE CONSTRAINT "a MAC is six bytes in lower case with colons" CHECK (mac GLOB
            '[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]')
) STRICT;
INSERT INTO nics VALUES(1,1,'provisioning','52:54:00:77:00:0b');
INSERT INTO nics VALUES(2,1,'provider','52:54:00:77:01:0b');
INSERT INTO nics VALUES(3,2,'provisioning','52:54:00:77:00:0c');
INSERT INTO nics VALUES(4,2,'provider','52:54:00:77:01:0c');
INSERT INTO nics VALUES(5,3,'provisioning','52:54:00:77:00:0d');
INSERT INTO nics VALUES(6,3,'provider','52:54:00:77:01:0d');
CREATE TABLE bmcs (
  id      INTEGER PRIMARY KEY,
  node_id INTEGER NOT NULL UNIQUE REFERENCES nodes (id) ON DELETE CASCADE,
  kind    TEXT NOT NULL CONSTRAINT "a BMC is ipmi or redfish" CHECK (kind IN ('ipmi', 'redfish')),
  address TEXT NOT NULL CONSTRAINT "a BMC has an address" CHECK (address <> ''),
  port    INTEGER NOT NULL CONSTRAINT "a BMC's port is 1 to 65535" CHECK (port BETWEEN 1 AND 65535),
  user    TEXT NOT NULL
) STRICT;
INSERT INTO bmcs VALUES(1,1,'ipmi','10.77.1.11',623,'admin');
INSERT INTO bmcs VALUES(2,2,'ipmi','10.77.1.12',623,'admin');
INSERT INTO bmcs VALUES(3,3,'ipmi','10.77.1.13',623,'admin');
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
INSERT INTO leases VALUES(1,1,'52:54:00:77:09:01','10.77.0.100','','2025-11-24T02:02:03.456789012Z');
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
INSERT INTO images VALUES(1,'base','raw','d',7516192768,'r',5,'zstd','k','2025-11-24T01:02:03.456789012Z');
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
INSERT INTO runs VALUES(1,1,'demo','hash',0,'active','','2025-11-24T01:02:03.456789012Z',NULL,1);
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
INSERT INTO steps VALUES(1,1,'controller-1/chapter/step-0',2,'controller-1','chapter','','','file','agent','{ "path":"<&>" }','["a","b"]',NULL,'done',60,0,NULL,NULL,NULL,NULL,0,'','','','');
INSERT INTO steps VALUES(2,1,'controller-1/chapter/step-1',1,'controller-1','chapter','','','file','agent','{ "path":"<&>" }','["a","b"]',NULL,'pending',60,0,NULL,NULL,NULL,NULL,0,'','','','');
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
INSERT INTO events VALUES(1,'2025-11-24T01:02:03.456789012Z','step',1,'controller-1','','controller-1/chapter/step-0','done');
CREATE TABLE secrets (
  id      INTEGER PRIMARY KEY,
  rack_id INTEGER REFERENCES racks (id) ON DELETE CASCADE, -- NULL: the appliance's own
  name    TEXT NOT NULL CONSTRAINT "a secret has a name" CHECK (name <> ''),
  sealed  BLOB NOT NULL
) STRICT;
INSERT INTO secrets VALUES(1,1,'bmc/controller-1',X'017232c2449a7d334db21765aadb42de9ca98644b34db62df4b4addbb4d3e78829c4ab99dfbbc19a');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('racks',1);
INSERT INTO sqlite_sequence VALUES('nodes',3);
INSERT INTO sqlite_sequence VALUES('runs',1);
INSERT INTO sqlite_sequence VALUES('events',1);
CREATE UNIQUE INDEX nodes_address ON nodes (rack_id, address) WHERE address <> '';
CREATE INDEX nics_node ON nics (node_id);
CREATE INDEX runs_rack ON runs (rack_id);
CREATE UNIQUE INDEX runs_one_active ON runs (rack_id) WHERE state = 'active';
CREATE INDEX steps_order ON steps (run_id, seq);
CREATE UNIQUE INDEX secrets_name ON secrets (coalesce(rack_id, 0), name);
COMMIT;
