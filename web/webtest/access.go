package webtest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"sandai/inventory"
	"sandai/web/auth"
)

// access is the part of Memory that keeps who may do what. Break does not touch
// it: a test breaks what is behind the door, not the door.
type access struct {
	mu       sync.Mutex
	last     uint
	users    []inventory.User
	sessions []inventory.Session
	tokens   []inventory.Token
	audit    []inventory.AuditEntry
	setup    string
	broken   error
}

// As returns h with every request that carries no credentials of its own sent
// as a program with the role: what most tests of handlers want.
//
//	s := httptest.NewServer(m.As(inventory.Operator, web.NewAPI(web.Config{…, Access: m})))
func (m *Memory) As(role inventory.UserRole, h http.Handler) http.Handler {
	text := m.NewToken(role)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && r.Header.Get("Cookie") == "" {
			r.Header.Set("Authorization", "Bearer "+text)
		}
		h.ServeHTTP(w, r)
	})
}

// NewToken adds an API token of nobody's with a role and returns its text.
func (m *Memory) NewToken(role inventory.UserRole) string {
	text := auth.NewToken()
	m.access.mu.Lock()
	defer m.access.mu.Unlock()
	m.access.tokens = append(m.access.tokens, inventory.Token{ID: m.access.next(), Name: "test", Role: role, Hash: auth.Sum(text), Created: T0})
	return text
}

// SetSetupCode sets the code that makes the first user.
func (m *Memory) SetSetupCode(code string) {
	m.access.mu.Lock()
	defer m.access.mu.Unlock()
	m.access.setup = auth.Sum(code)
}

// ShiftSessions makes every session older and not used for so long.
func (m *Memory) ShiftSessions(age, idle time.Duration) {
	m.access.mu.Lock()
	defer m.access.mu.Unlock()
	for i := range m.access.sessions {
		s := &m.access.sessions[i]
		s.Created, s.Seen = s.Created.Add(-age), s.Seen.Add(-idle)
	}
}

// BreakAccess makes every look at users, sessions, tokens and the audit log fail.
func (m *Memory) BreakAccess(err error) {
	m.access.mu.Lock()
	defer m.access.mu.Unlock()
	m.access.broken = err
}

func (a *access) next() uint {
	a.last++
	return a.last
}

func (a *access) lock() (func(), error) {
	a.mu.Lock()
	return a.mu.Unlock, a.broken
}

// Users implements web.Users.
func (m *Memory) Users(context.Context) ([]inventory.User, error) {
	unlock, err := m.access.lock()
	defer unlock()
	out := slices.Clone(m.access.users)
	slices.SortFunc(out, func(a, b inventory.User) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
}

func (a *access) user(name string) (*inventory.User, error) {
	i := slices.IndexFunc(a.users, func(u inventory.User) bool { return u.Name == name })
	if i < 0 {
		return nil, inventory.Errorf(inventory.NotFound, "there is no user %s", name)
	}
	return &a.users[i], nil
}

// User implements web.Users.
func (m *Memory) User(_ context.Context, name string) (inventory.User, error) {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return inventory.User{}, err
	}
	u, err := m.access.user(name)
	if err != nil {
		return inventory.User{}, err
	}
	return *u, nil
}

// CreateUser implements web.Users.
func (m *Memory) CreateUser(_ context.Context, u *inventory.User) error {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return err
	}
	return m.access.create(u)
}

func (a *access) create(u *inventory.User) error {
	if old, _ := a.user(u.Name); old != nil {
		return inventory.Errorf(inventory.Conflict, "a user of this name exists already")
	}
	if u.Name == "" {
		return inventory.Errorf(inventory.Invalid, "a user has a name")
	}
	u.ID, u.Created = a.next(), time.Now().UTC()
	a.users = append(a.users, *u)
	return nil
}

// CreateFirstUser implements web.Users.
func (m *Memory) CreateFirstUser(_ context.Context, code string, u *inventory.User) error {
	unlock, err := m.access.lock()
	defer unlock()
	switch a := &m.access; {
	case err != nil:
		return err
	case len(a.users) > 0:
		return inventory.Errorf(inventory.Conflict, "the appliance is set up already")
	case a.setup == "" || a.setup != code:
		return inventory.Errorf(inventory.Unauthorised, "this is not the setup code")
	}
	u.Role = inventory.Admin
	if err := m.access.create(u); err != nil {
		return err
	}
	m.access.setup = ""
	return nil
}

func (a *access) lastAdmin(name string) bool {
	admins := 0
	for _, u := range a.users {
		if u.Role == inventory.Admin && u.Name != name {
			admins++
		}
	}
	return admins == 0
}

// UpdateUser implements web.Users.
func (m *Memory) UpdateUser(_ context.Context, name string, fn func(*inventory.User) error) (inventory.User, error) {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return inventory.User{}, err
	}
	u, err := m.access.user(name)
	if err != nil {
		return inventory.User{}, err
	}
	changed := *u
	if err := fn(&changed); err != nil {
		return inventory.User{}, err
	}
	if u.Role == inventory.Admin && changed.Role != inventory.Admin && m.access.lastAdmin(name) {
		return inventory.User{}, inventory.Errorf(inventory.Conflict, "this is the last admin")
	}
	if changed.Password != u.Password {
		m.access.endSessions(u.ID)
	}
	*u = changed
	return changed, nil
}

func (a *access) endSessions(user uint) {
	a.sessions = slices.DeleteFunc(a.sessions, func(s inventory.Session) bool { return s.UserID == user })
}

// DeleteUser implements web.Users.
func (m *Memory) DeleteUser(_ context.Context, name string) error {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return err
	}
	u, err := m.access.user(name)
	if err != nil {
		return err
	}
	if u.Role == inventory.Admin && m.access.lastAdmin(name) {
		return inventory.Errorf(inventory.Conflict, "this is the last admin")
	}
	id := u.ID
	m.access.endSessions(id)
	m.access.tokens = slices.DeleteFunc(m.access.tokens, func(t inventory.Token) bool { return t.UserID != nil && *t.UserID == id })
	m.access.users = slices.DeleteFunc(m.access.users, func(u inventory.User) bool { return u.ID == id })
	return nil
}

// CreateSession implements web.Sessions.
func (m *Memory) CreateSession(_ context.Context, s *inventory.Session, _, _ time.Time) error {
	unlock, err := m.access.lock()
	defer unlock()
	s.ID = m.access.next()
	m.access.sessions = append(m.access.sessions, *s)
	return err
}

// Session implements web.Sessions.
func (m *Memory) Session(_ context.Context, hash string) (inventory.Session, inventory.User, error) {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return inventory.Session{}, inventory.User{}, err
	}
	for _, s := range m.access.sessions {
		for _, u := range m.access.users {
			if s.Hash == hash && s.UserID == u.ID {
				return s, u, nil
			}
		}
	}
	return inventory.Session{}, inventory.User{}, inventory.Errorf(inventory.NotFound, "there is no such session")
}

// TouchSession implements web.Sessions.
func (m *Memory) TouchSession(_ context.Context, id uint, seen time.Time) error {
	unlock, err := m.access.lock()
	defer unlock()
	for i := range m.access.sessions {
		if s := &m.access.sessions[i]; s.ID == id {
			s.Seen = seen
		}
	}
	return err
}

// DeleteSession implements web.Sessions.
func (m *Memory) DeleteSession(_ context.Context, id uint) error {
	unlock, err := m.access.lock()
	defer unlock()
	m.access.sessions = slices.DeleteFunc(m.access.sessions, func(s inventory.Session) bool { return s.ID == id })
	return err
}

// CreateToken implements web.Tokens.
func (m *Memory) CreateToken(_ context.Context, t *inventory.Token) error {
	unlock, err := m.access.lock()
	defer unlock()
	t.ID = m.access.next()
	m.access.tokens = append(m.access.tokens, *t)
	return err
}

// Tokens implements web.Tokens.
func (m *Memory) Tokens(context.Context) ([]inventory.Token, error) {
	unlock, err := m.access.lock()
	defer unlock()
	var out []inventory.Token
	for _, t := range m.access.tokens {
		out = append(out, m.access.owned(t))
	}
	return out, err
}

func (a *access) owned(t inventory.Token) inventory.Token {
	for _, u := range a.users {
		if t.UserID != nil && *t.UserID == u.ID {
			t.Owner, t.Role = u.Name, t.Role.AtMost(u.Role)
		}
	}
	return t
}

// Token implements web.Tokens.
func (m *Memory) Token(_ context.Context, hash string) (inventory.Token, error) {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return inventory.Token{}, err
	}
	for _, t := range m.access.tokens {
		if t.Hash == hash {
			return m.access.owned(t), nil
		}
	}
	return inventory.Token{}, inventory.Errorf(inventory.NotFound, "there is no such token")
}

// TouchToken implements web.Tokens.
func (m *Memory) TouchToken(_ context.Context, id uint, used time.Time) error {
	unlock, err := m.access.lock()
	defer unlock()
	for i := range m.access.tokens {
		if t := &m.access.tokens[i]; t.ID == id {
			t.Used = &used
		}
	}
	return err
}

// DeleteToken implements web.Tokens.
func (m *Memory) DeleteToken(_ context.Context, id uint) error {
	unlock, err := m.access.lock()
	defer unlock()
	m.access.tokens = slices.DeleteFunc(m.access.tokens, func(t inventory.Token) bool { return t.ID == id })
	return err
}

// AppendAudit implements web.AuditLog.
func (m *Memory) AppendAudit(_ context.Context, e *inventory.AuditEntry) error {
	unlock, err := m.access.lock()
	defer unlock()
	if err != nil {
		return err
	}
	e.ID = uint(len(m.access.audit) + 1)
	m.access.audit = append(m.access.audit, *e)
	return nil
}

// FinishAudit implements web.AuditLog.
func (m *Memory) FinishAudit(_ context.Context, e inventory.AuditEntry) error {
	unlock, err := m.access.lock()
	defer unlock()
	if err == nil {
		m.access.audit[e.ID-1] = e
	}
	return err
}

// Audit implements web.AuditLog.
func (m *Memory) Audit(_ context.Context, who *string, before uint, limit int) ([]inventory.AuditEntry, error) {
	unlock, err := m.access.lock()
	defer unlock()
	var out []inventory.AuditEntry
	for i := len(m.access.audit) - 1; i >= 0 && len(out) < limit; i-- {
		if e := m.access.audit[i]; (who == nil || e.Who == *who) && (before == 0 || e.ID < before) {
			out = append(out, e)
		}
	}
	return out, err
}
