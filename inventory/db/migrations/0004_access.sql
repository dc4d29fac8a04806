-- Who may do what. What is secret is here only as a hash.

CREATE TABLE users (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  name      TEXT NOT NULL UNIQUE CONSTRAINT "a user's name is 1 to 64 of a-z, 0-9 and . _ @ -, and begins with a letter or digit"
              CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^a-z0-9._@-]*' AND name GLOB '[a-z0-9]*'),
  role      TEXT NOT NULL CONSTRAINT "a user's role is viewer, operator or admin" CHECK (role IN ('viewer', 'operator', 'admin')),
  password  TEXT NOT NULL CONSTRAINT "a password is kept as an argon2id hash" CHECK (password GLOB '$argon2id$*'),
  created   TEXT NOT NULL,
  signed_in TEXT
) STRICT;

-- Without an admin nobody could make one.
CREATE TRIGGER users_last_admin_goes BEFORE DELETE ON users
WHEN OLD.role = 'admin' AND (SELECT count(*) FROM users WHERE role = 'admin') = 1
BEGIN SELECT RAISE(ABORT, 'this is the last admin: make another user admin first'); END;
CREATE TRIGGER users_last_admin_changes BEFORE UPDATE OF role ON users
WHEN OLD.role = 'admin' AND NEW.role <> 'admin' AND (SELECT count(*) FROM users WHERE role = 'admin') = 1
BEGIN SELECT RAISE(ABORT, 'this is the last admin: make another user admin first'); END;

CREATE TABLE sessions (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  hash    TEXT NOT NULL UNIQUE CONSTRAINT "a session's hash is SHA-256 in hexadecimal" CHECK (length(hash) = 64),
  created TEXT NOT NULL,
  seen    TEXT NOT NULL,
  address TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
-- A session does not outlive the password that began it.
CREATE TRIGGER users_password_changes AFTER UPDATE OF password ON users WHEN OLD.password <> NEW.password
BEGIN DELETE FROM sessions WHERE user_id = NEW.id; END;

CREATE TABLE tokens (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id INTEGER REFERENCES users (id) ON DELETE CASCADE, -- NULL: the appliance's own
  name    TEXT NOT NULL CONSTRAINT "a token has a name of at most 64 characters" CHECK (length(name) BETWEEN 1 AND 64),
  role    TEXT NOT NULL CONSTRAINT "a token's role is viewer, operator or admin" CHECK (role IN ('viewer', 'operator', 'admin')),
  hash    TEXT NOT NULL UNIQUE CONSTRAINT "a token's hash is SHA-256 in hexadecimal" CHECK (length(hash) = 64),
  created TEXT NOT NULL,
  used    TEXT,
  expires TEXT
) STRICT;
CREATE INDEX tokens_user ON tokens (user_id);

-- The one code that makes the first user, while there is none.
CREATE TABLE setup_codes (
  id   INTEGER PRIMARY KEY CONSTRAINT "there is one setup code" CHECK (id = 1),
  hash TEXT NOT NULL CONSTRAINT "a setup code's hash is SHA-256 in hexadecimal" CHECK (length(hash) = 64)
) STRICT;

CREATE TABLE audit_entries (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  time    TEXT NOT NULL,
  who     TEXT NOT NULL,
  via     TEXT NOT NULL,
  method  TEXT NOT NULL,
  path    TEXT NOT NULL,
  summary TEXT NOT NULL,
  address TEXT NOT NULL,
  status  INTEGER NOT NULL CONSTRAINT "an audit entry's status is one of HTTP, or 0" CHECK (status = 0 OR status BETWEEN 100 AND 599)
) STRICT;
CREATE INDEX audit_who ON audit_entries (who, id);
-- What was done stays written; only the outcome of what is under way is added.
CREATE TRIGGER audit_stays BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an audit entry stays'); END;
CREATE TRIGGER audit_is_written_once BEFORE UPDATE ON audit_entries
WHEN OLD.status <> 0 OR NEW.id <> OLD.id OR NEW.time <> OLD.time OR NEW.method <> OLD.method OR NEW.path <> OLD.path
  OR NEW.summary <> OLD.summary OR NEW.address <> OLD.address OR (OLD.who <> '' AND NEW.who <> OLD.who) OR (OLD.via <> '' AND NEW.via <> OLD.via)
BEGIN SELECT RAISE(ABORT, 'an audit entry is written once'); END;
