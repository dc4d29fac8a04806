package db

import (
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm/schema"

	"sandai/inventory"
)

// brokenRules goes past the API with plain SQL: the schema itself refuses.
func brokenRules(t *testing.T, s *Store) {
	run := withRun(t, s, 1)
	ok(s.Lease(t.Context(), run.RackID, mac(9, 1), t0))
	u := user("admin", inventory.Admin)
	must(t, s.CreateUser(t.Context(), &u))
	must(t, s.CreateToken(t.Context(), &inventory.Token{UserID: &u.ID, Name: "ci", Role: inventory.Viewer, Hash: hash('t')}))
	must(t, s.AppendAudit(t.Context(), &inventory.AuditEntry{Method: "POST", Path: "/", Status: 403}))
	for name, c := range map[string]struct {
		sql  string
		code inventory.Code
		text string // part of the message
	}{
		"rack name":          {"INSERT INTO racks SELECT 50, name, release, region, interface, address, ssh_keys, slow, created, inspect_newcomers, workers, no_dashboard FROM racks", inventory.Conflict, "a rack of this name"},
		"node name":          {"UPDATE nodes SET name = 'same'", inventory.Conflict, "a node of this name"},
		"node address":       {"UPDATE nodes SET address = '10.77.0.50'", inventory.Conflict, "has this address"},
		"node state":         {"UPDATE nodes SET state = 'odd'", inventory.Invalid, "docs/states.md"},
		"node deadline":      {"UPDATE nodes SET state = 'releasing'", inventory.Invalid, "a node in deploying, configuring or releasing has a deadline"},
		"node role":          {"UPDATE nodes SET role = 'storage'", inventory.Invalid, "a role is"},
		"MAC twice":          {"UPDATE nics SET mac = '52:54:00:00:00:01'", inventory.Conflict, "another NIC has this MAC"},
		"MAC upper":          {"UPDATE nics SET mac = upper(mac) WHERE id = (SELECT min(id) FROM nics WHERE mac GLOB '*[a-f]*')", inventory.Invalid, "lower case with colons"},
		"lease address":      {"INSERT INTO leases SELECT 50, rack_id, '52:54:00:00:00:01', address, node, expires FROM leases", inventory.Conflict, "leased to another MAC"},
		"lease MAC":          {"INSERT INTO leases SELECT 50, rack_id, mac, '10.77.0.60', node, expires FROM leases", inventory.Conflict, "has a lease already"},
		"lease without end":  {"UPDATE leases SET expires = NULL", inventory.Invalid, "leases.expires"},
		"step key":           {"INSERT INTO steps (run_id,key,seq,node,chapter,title,why,kind,owner,state,timeout,attempt,changed,reason,command,stdout,stderr) SELECT run_id,key,seq,node,chapter,title,why,kind,owner,state,timeout,attempt,changed,reason,command,stdout,stderr FROM steps", inventory.Conflict, "a step of this key"},
		"step state":         {"UPDATE steps SET state = 'odd'", inventory.Invalid, "a step is pending"},
		"step deadline":      {"UPDATE steps SET state = 'running'", inventory.Invalid, "a step in ready or running has a deadline"},
		"step spec":          {"UPDATE steps SET spec = '{'", inventory.Invalid, "spec is JSON"},
		"run state":          {"UPDATE runs SET state = 'odd'", inventory.Invalid, "a run is active"},
		"run kind":           {"UPDATE runs SET kind = 'odd'", inventory.Invalid, "a run is an install"},
		"two active runs":    {"INSERT INTO runs SELECT 50, rack_id, rack, kind, nodes, plan_hash, erase, state, reason, created, ended, attempt, stop_at, stop_by, stop_why, resumed FROM runs", inventory.Conflict, "active run"},
		"two BMCs":           {"INSERT INTO bmcs SELECT 50, node_id, kind, address, port, user FROM bmcs LIMIT 1", inventory.Conflict, "one BMC"},
		"node of no rack":    {"UPDATE nodes SET rack_id = 99", inventory.NotFound, "what it belongs to"},
		"rack with a past":   {"DELETE FROM racks", inventory.NotFound, "still needed"},
		"text in a number":   {"UPDATE steps SET seq = 'x'", inventory.Invalid, "cannot store"},
		"user name twice":    {"INSERT INTO users (name, role, password, created) SELECT 'a' || id, role, password, created FROM users UNION ALL SELECT 'a' || id, role, password, created FROM users", inventory.Conflict, "a user of this name"},
		"user name in upper": {"UPDATE users SET name = 'ADMIN'", inventory.Invalid, "a-z, 0-9"},
		"user role":          {"UPDATE users SET role = 'root'", inventory.Conflict, "last admin"},
		"token role":         {"UPDATE tokens SET role = 'root'", inventory.Invalid, "viewer, operator or admin"},
		"plain password":     {"UPDATE users SET password = 'hunter2'", inventory.Invalid, "argon2id"},
		"plain token":        {"UPDATE tokens SET hash = 'sandai_x'", inventory.Invalid, "SHA-256"},
		"last admin":         {"DELETE FROM users", inventory.Conflict, "last admin"},
		"audit removed":      {"DELETE FROM audit_entries", inventory.Conflict, "stays"},
		"audit rewritten":    {"UPDATE audit_entries SET path = '/x'", inventory.Conflict, "written once"},
		"audit whitewashed":  {"UPDATE audit_entries SET status = 200", inventory.Conflict, "written once"},
		"too many workers":   {"UPDATE racks SET workers = 65", inventory.Invalid, "workers are 1 to 64"},
		"half a pool":        {"UPDATE networks SET pool_end = ''", inventory.Invalid, "both a start and an end"},
		"writing by reading": {"", "", ""},
	} {
		if c.sql == "" {
			if err := s.r.Exec("DELETE FROM nodes").Error; err == nil {
				t.Errorf("%s: the readers' connection may write", name)
			}
			continue
		}
		err := s.w.Exec(c.sql).Error
		if err == nil {
			t.Errorf("%s: the schema allows it", name)
			continue
		}
		if err = fail(err, "trying"); inventory.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %q (%s), want %q (%s)", name, err, inventory.CodeOf(err), c.text, c.code)
		}
	}
	// What belongs to a node goes with it.
	must(t, s.w.Exec("DELETE FROM nodes WHERE name = 'compute-1'").Error)
	var left int64
	must(t, s.w.Raw("SELECT (SELECT count(*) FROM nics) + (SELECT count(*) FROM bmcs)").Scan(&left).Error)
	same(t, "NICs and BMCs left", left, int64(6))
}

// TestColumns: every field of a type has its column and the other way round.
func TestColumns(t *testing.T) {
	s := openSQLite(t)
	for _, typ := range []any{
		&inventory.Rack{}, &inventory.Network{}, &inventory.Node{}, &inventory.NIC{}, &inventory.BMC{}, &inventory.Lease{},
		&inventory.Image{}, &inventory.Run{}, &inventory.Step{}, &inventory.Event{}, &sealed{},
		&inventory.User{}, &inventory.Session{}, &inventory.Token{}, &inventory.AuditEntry{}, &setupCode{}, &journey{},
	} {
		sch := ok(schema.Parse(typ, &sync.Map{}, s.w.NamingStrategy))
		fields, columns := map[string]bool{}, map[string]bool{}
		for _, name := range sch.DBNames {
			fields[name] = true
		}
		var names []string
		must(t, s.r.Raw("SELECT name FROM pragma_table_info(?)", sch.Table).Scan(&names).Error)
		for _, name := range names {
			columns[name] = true
		}
		same(t, sch.Table, columns, fields)
	}
	var loose []string
	must(t, s.r.Raw("SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%' AND name <> 'migrations' ORDER BY name").Scan(&loose).Error)
	same(t, "tables that are not STRICT", loose, []string{})
}

// TestUpgrade opens a file that the first version wrote: testdata/v1.sql is its
// dump, testdata/keyset.json the keyset that it was sealed with, for this only.
func TestUpgrade(t *testing.T) {
	database, keyset := files(t)
	must(t, os.WriteFile(keyset, ok(os.ReadFile("testdata/keyset.json")), 0o600)) // a checkout does not keep the mode
	raw := ok(sql.Open("sqlite3", "file:"+strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(database)))
	if _, err := raw.Exec(string(ok(os.ReadFile("testdata/v1.sql")))); err != nil {
		t.Fatal(err)
	}
	must(t, raw.Close())
	for range 2 { // the second time there is nothing left to do
		s := ok(Open(t.Context(), database, keyset))
		rack := ok(s.Rack(t.Context(), "demo"))
		same(t, "rack", rack, demo(), noIDs)
		same(t, "password", ok(s.Secret(t.Context(), rack.ID, inventory.BMCSecret("controller-1"))), "hunter2")
		same(t, "image", ok(s.Image(t.Context(), "base")), image(0), noIDs)
		run := ok(s.Run(t.Context(), 1))
		same(t, "kind of the old run", run.Kind, inventory.RunInstall)
		same(t, "steps", len(ok(s.Steps(t.Context(), 1))), 2)
		same(t, "the event's run", *ok(s.Events(t.Context(), 0, 0))[0].RunID, run.ID)
		if err := s.w.Exec("INSERT INTO steps SELECT 50, 99, key || 'x', seq, node, chapter, title, why, kind, owner, spec, needs, notify, state, timeout, attempt, ready_at, started_at, ended_at, deadline, changed, reason, command, stdout, stderr, progress, \"by\", diff FROM steps LIMIT 1").Error; err == nil {
			t.Error("a step of no run: foreign keys are off after the migration")
		}
		same(t, "events", len(ok(s.Events(t.Context(), 0, 0))), 1)
		same(t, "users", ok(s.Users(t.Context())), []inventory.User{})
		var done []string
		must(t, s.r.Raw("SELECT id FROM migrations ORDER BY id").Scan(&done).Error)
		list := ok(migrationList())
		same(t, "migrations", done[len(done)-1], list[len(list)-1].ID)
		same(t, "number of migrations", len(done), len(list))
		must(t, s.Close())
	}
}

func TestNewerSchema(t *testing.T) {
	database, keyset := files(t)
	s := ok(Open(t.Context(), database, keyset))
	must(t, s.w.Exec("INSERT INTO migrations (id) VALUES ('9999_future')").Error)
	must(t, s.Close())
	_, err := Open(t.Context(), database, keyset)
	want(t, err, inventory.Invalid)
	if !strings.Contains(err.Error(), "newer Sandai") {
		t.Errorf("%q does not say why", err)
	}
}

func image(seconds float64) inventory.Image {
	return inventory.Image{
		Name: "base", Format: "raw", Digest: "d", Size: 7 << 30, RawDigest: "r", RawSize: 5, Compression: "zstd", Key: "k", Built: t0, Seconds: seconds,
	}
}

func imageRoundTrip(t *testing.T, s *Store) {
	ctx := t.Context()
	_, err := s.Image(ctx, "base")
	want(t, err, inventory.NotFound)
	for _, seconds := range []float64{1.5, 2.5} {
		must(t, s.PutImage(ctx, image(seconds)))
		same(t, "image", ok(s.Image(ctx, "base")), image(seconds), noIDs)
	}
	other := image(0)
	other.Name = "agent"
	must(t, s.PutImage(ctx, other))
	same(t, "images", ok(s.Images(ctx)), []inventory.Image{other, image(2.5)}, noIDs)
}
