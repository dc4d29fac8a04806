package db

import (
	"strings"
	"sync"
	"testing"
	"time"

	"sandai/inventory"
)

func hash(of rune) string { return strings.Repeat(string(of), 64) }

func user(name string, role inventory.UserRole) inventory.User {
	return inventory.User{Name: name, Role: role, Password: "$argon2id$v=19$" + name, Created: t0}
}

func withUser(t testing.TB, s *Store, name string, role inventory.UserRole) inventory.User {
	t.Helper()
	u := user(name, role)
	must(t, s.CreateUser(t.Context(), &u))
	return u
}

func users(t *testing.T, s *Store) {
	ctx := t.Context()
	_, err := s.User(ctx, "bob")
	want(t, err, inventory.NotFound)
	bob, ann := withUser(t, s, "bob", inventory.Operator), withUser(t, s, "ann", inventory.Viewer)
	same(t, "users", ok(s.Users(ctx)), []inventory.User{ann, bob})
	again := user("bob", inventory.Viewer)
	want(t, s.CreateUser(ctx, &again), inventory.Conflict)
	odd := user("local command line", inventory.Viewer)
	want(t, s.CreateUser(ctx, &odd), inventory.Invalid)
	changed := ok(s.UpdateUser(ctx, "bob", func(u *inventory.User) error {
		u.Name, u.Role, u.Created = "eve", inventory.Admin, t0.Add(time.Hour)
		return nil
	}))
	bob.Role = inventory.Admin
	same(t, "changed", changed, bob)
	same(t, "stored", ok(s.User(ctx, "bob")), bob)
	must(t, s.DeleteUser(ctx, "ann"))
	want(t, s.DeleteUser(ctx, "ann"), inventory.NotFound)
}

func lastAdmin(t *testing.T, s *Store) {
	ctx := t.Context()
	withUser(t, s, "ann", inventory.Admin)
	withUser(t, s, "bob", inventory.Viewer)
	demote := func(u *inventory.User) error { u.Role = inventory.Operator; return nil }
	want(t, s.DeleteUser(ctx, "ann"), inventory.Conflict)
	_, err := s.UpdateUser(ctx, "ann", demote)
	want(t, err, inventory.Conflict)
	if !strings.Contains(err.Error(), "last admin") {
		t.Errorf("%q does not say why", err)
	}
	withUser(t, s, "eve", inventory.Admin)
	ok(s.UpdateUser(ctx, "ann", demote))
	want(t, s.DeleteUser(ctx, "eve"), inventory.Conflict)
	must(t, s.DeleteUser(ctx, "ann"))
}

func firstUser(t *testing.T, s *Store) {
	ctx := t.Context()
	u := user("ann", inventory.Viewer)
	want(t, s.CreateFirstUser(ctx, hash('a'), &u), inventory.Unauthorised)
	must(t, s.PutSetupCode(ctx, hash('a')))
	must(t, s.PutSetupCode(ctx, hash('b')))
	want(t, s.CreateFirstUser(ctx, hash('a'), &u), inventory.Unauthorised)
	// A name that is refused does not spend the code.
	odd := user("Not A Name", inventory.Viewer)
	want(t, s.CreateFirstUser(ctx, hash('b'), &odd), inventory.Invalid)
	must(t, s.CreateFirstUser(ctx, hash('b'), &u))
	same(t, "role", ok(s.User(ctx, "ann")).Role, inventory.Admin)
	second := user("bob", inventory.Viewer)
	want(t, s.CreateFirstUser(ctx, hash('b'), &second), inventory.Conflict)
	must(t, s.PutSetupCode(ctx, hash('c')))
	want(t, s.CreateFirstUser(ctx, hash('c'), &second), inventory.Conflict)
}

func firstUserRace(t *testing.T, s *Store) {
	must(t, s.PutSetupCode(t.Context(), hash('a')))
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			u := user(string(rune('a'+i)), inventory.Viewer)
			errs[i] = s.CreateFirstUser(t.Context(), hash('a'), &u)
		})
	}
	wg.Wait()
	good := 0
	for _, err := range errs {
		if err == nil {
			good++
		}
	}
	same(t, "first users", good, 1)
	same(t, "users", len(ok(s.Users(t.Context()))), 1)
}

func session(t *testing.T, s *Store) {
	ctx := t.Context()
	u := withUser(t, s, "ann", inventory.Viewer)
	_, _, err := s.Session(ctx, hash('s'))
	want(t, err, inventory.NotFound)
	made := inventory.Session{UserID: u.ID, Hash: hash('s'), Created: t0, Seen: t0, Address: "192.0.2.1"}
	must(t, s.CreateSession(ctx, &made, time.Time{}, time.Time{}))
	u.SignedIn = &t0
	got, who, err := s.Session(ctx, hash('s'))
	must(t, err)
	same(t, "session", got, made)
	same(t, "user", who, u)
	seen := t0.Add(time.Hour)
	must(t, s.TouchSession(ctx, made.ID, seen))
	got, _, err = s.Session(ctx, hash('s'))
	must(t, err)
	same(t, "seen", got.Seen, seen)
}

// sessionEnds: at sign-out, by age, with the password, with the user.
func sessionEnds(t *testing.T, s *Store) {
	ctx := t.Context()
	u, other := withUser(t, s, "ann", inventory.Viewer), withUser(t, s, "bob", inventory.Viewer)
	begin := func(of inventory.User, h rune, created, seen time.Time) uint {
		made := inventory.Session{UserID: of.ID, Hash: hash(h), Created: created, Seen: seen}
		must(t, s.CreateSession(ctx, &made, t0.Add(-time.Hour), t0.Add(-24*time.Hour)))
		return made.ID
	}
	alive := func() (out string) {
		for _, h := range "abcde" {
			if _, _, err := s.Session(ctx, hash(h)); err == nil {
				out += string(h)
			}
		}
		return out
	}
	begin(u, 'a', t0.Add(-25*time.Hour), t0) // too old
	begin(u, 'b', t0.Add(-2*time.Hour), t0.Add(-2*time.Hour))
	id := begin(u, 'c', t0, t0)
	same(t, "after the third", alive(), "c")
	begin(u, 'd', t0, t0)
	begin(other, 'e', t0, t0)
	must(t, s.DeleteSession(ctx, id))
	must(t, s.DeleteSession(ctx, id))
	same(t, "after sign-out", alive(), "de")
	ok(s.UpdateUser(ctx, "ann", func(u *inventory.User) error { u.Role = inventory.Operator; return nil }))
	same(t, "after another role", alive(), "de")
	ok(s.UpdateUser(ctx, "ann", func(u *inventory.User) error { u.Password += "x"; return nil }))
	same(t, "after another password", alive(), "e")
	must(t, s.DeleteUser(ctx, "bob"))
	same(t, "after the user went", alive(), "")
}

func tokenLife(t *testing.T, s *Store) {
	ctx := t.Context()
	withUser(t, s, "eve", inventory.Admin)
	u := withUser(t, s, "ann", inventory.Admin)
	expires := t0.Add(time.Hour)
	tok := inventory.Token{UserID: &u.ID, Name: "ci", Role: inventory.Operator, Hash: hash('t'), Created: t0, Expires: &expires}
	must(t, s.CreateToken(ctx, &tok))
	must(t, s.PutLocalToken(ctx, hash('1')))
	must(t, s.PutLocalToken(ctx, hash('2')))
	_, err := s.Token(ctx, hash('1'))
	want(t, err, inventory.NotFound)
	local := ok(s.Token(ctx, hash('2')))
	same(t, "local", []any{local.Name, local.Owner, local.Role}, []any{inventory.LocalCommand, "", inventory.Admin})
	must(t, s.TouchToken(ctx, tok.ID, t0))
	tok.Owner, tok.Used = "ann", &t0
	same(t, "token", ok(s.Token(ctx, hash('t'))), tok)
	same(t, "tokens", ok(s.Tokens(ctx)), []inventory.Token{tok, local})
	// A token may never more than its owner, from the moment on when that changes.
	ok(s.UpdateUser(ctx, "ann", func(u *inventory.User) error { u.Role = inventory.Viewer; return nil }))
	same(t, "role", ok(s.Token(ctx, hash('t'))).Role, inventory.Viewer)
	ok(s.UpdateUser(ctx, "ann", func(u *inventory.User) error { u.Role = inventory.Admin; return nil }))
	same(t, "role", ok(s.Token(ctx, hash('t'))).Role, inventory.Operator)
	must(t, s.DeleteUser(ctx, "ann"))
	_, err = s.Token(ctx, hash('t'))
	want(t, err, inventory.NotFound)
	must(t, s.DeleteToken(ctx, local.ID))
	want(t, s.DeleteToken(ctx, local.ID), inventory.NotFound)
}

func audit(t *testing.T, s *Store) {
	ctx := t.Context()
	var all []inventory.AuditEntry
	for i, who := range []string{"ann", "", "ann"} {
		e := inventory.AuditEntry{Time: t0.Add(time.Duration(i) * time.Second), Who: who, Via: "session", Method: "POST", Path: "/x", Summary: "Do x", Address: "192.0.2.1"}
		if i == 1 {
			e.Via = ""
		}
		must(t, s.AppendAudit(ctx, &e))
		all = append([]inventory.AuditEntry{e}, all...)
	}
	same(t, "all", ok(s.Audit(ctx, nil, 0, 10)), all)
	same(t, "page", ok(s.Audit(ctx, nil, all[0].ID, 1)), all[1:2])
	ann, nobody := "ann", ""
	same(t, "ann's", ok(s.Audit(ctx, &ann, 0, 10)), []inventory.AuditEntry{all[0], all[2]})
	same(t, "nobody's", ok(s.Audit(ctx, &nobody, 0, 10)), all[1:2])
	// A sign-in learns who it was.
	all[1].Who, all[1].Via, all[1].Status = "bob", "session", 303
	must(t, s.FinishAudit(ctx, all[1]))
	same(t, "finished", ok(s.Audit(ctx, nil, 0, 10)), all)
	all[1].Status = 401
	want(t, s.FinishAudit(ctx, all[1]), inventory.Conflict)
	all[0].Who, all[0].Status = "eve", 200
	want(t, s.FinishAudit(ctx, all[0]), inventory.Conflict)
	// Nobody who watches the rack is woken by it.
	ch, cancel := s.Subscribe()
	defer cancel()
	must(t, s.AppendAudit(ctx, &inventory.AuditEntry{}))
	select {
	case <-ch:
		t.Error("the audit log wakes the rack's watchers")
	default:
	}
}
