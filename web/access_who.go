package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"sandai/inventory"
	"sandai/web/auth"
)

// Sessions keeps who is signed in.
type Sessions interface {
	// CreateSession also removes sessions last seen before idle or begun before limit.
	CreateSession(ctx context.Context, s *inventory.Session, idle, limit time.Time) error
	Session(ctx context.Context, hash string) (inventory.Session, inventory.User, error)
	TouchSession(ctx context.Context, id uint, seen time.Time) error
	DeleteSession(ctx context.Context, id uint) error
}

// A session ends when it was not used for a shift, and after a week however
// much it is used.
const (
	sessionIdle  = 8 * time.Hour
	sessionLimit = 7 * 24 * time.Hour
)

// touchEvery is how exactly the last use of a session or token is known; each
// note of it is a write.
const touchEvery = time.Minute

// Who is the person or program behind a request.
type Who struct {
	Name string // the user's, else the token's where it belongs to nobody (inventory.LocalCommand)
	Role inventory.UserRole
	Via  string // "session" or "token NAME"
	// Expires is when the session or the token ends at the latest; zero: never.
	Expires time.Time

	user, session, token uint // IDs, 0 where there is none
	request              uint // among those under way
}

// May reports whether who asks may do what wants a role.
func (w Who) May(role inventory.UserRole) bool { return w.Role.May(role) }

type whoKey struct{}

// WhoOf returns who is behind a request by its context, the zero Who where
// nobody is signed in, which only the open routes see.
func WhoOf(ctx context.Context) Who {
	w, _ := ctx.Value(whoKey{}).(Who)
	return w
}

// identify finds out who asks. The error is Unauthorised where that is nobody
// known, and the store's where it cannot say.
func (g *gate) identify(r *http.Request) (Who, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Who{}, inventory.Errorf(inventory.Unauthorised, "the header Authorization is to be: Bearer TOKEN")
		}
		return g.byToken(r.Context(), auth.Sum(strings.TrimSpace(token)))
	}
	if c, err := r.Cookie(cookieName(r)); err == nil {
		return g.bySession(r.Context(), auth.Sum(c.Value))
	}
	return Who{}, inventory.Errorf(inventory.Unauthorised, "nobody is signed in: sign in at /login, or send an API token in the header Authorization: Bearer TOKEN")
}

func (g *gate) byToken(ctx context.Context, hash string) (Who, error) {
	t, err := g.access.Token(ctx, hash)
	now := time.Now()
	switch {
	case inventory.CodeOf(err) == inventory.NotFound && err != nil:
		return Who{}, inventory.Errorf(inventory.Unauthorised, "this API token is not known here: it was removed, or is another appliance's; make one with appliance token add")
	case err != nil:
		return Who{}, err
	case t.Expires != nil && now.After(*t.Expires):
		return Who{}, inventory.Errorf(inventory.Unauthorised, "this API token has expired: make another with appliance token add")
	}
	if t.Used == nil || now.Sub(*t.Used) >= touchEvery {
		_ = g.access.TouchToken(ctx, t.ID, now) // who only looks is let in though nothing can be written
	}
	w := Who{Name: t.Owner, Role: t.Role, Via: "token " + t.Name, token: t.ID}
	if t.Owner == "" {
		w.Name = t.Name
	}
	if t.UserID != nil {
		w.user = *t.UserID
	}
	if t.Expires != nil {
		w.Expires = *t.Expires
	}
	return w, nil
}

func (g *gate) bySession(ctx context.Context, hash string) (Who, error) {
	s, u, err := g.access.Session(ctx, hash)
	now := time.Now()
	switch {
	case inventory.CodeOf(err) == inventory.NotFound && err != nil:
		return Who{}, inventory.Errorf(inventory.Unauthorised, "this session has ended: sign in again")
	case err != nil:
		return Who{}, err
	case now.Sub(s.Seen) >= sessionIdle || now.Sub(s.Created) >= sessionLimit:
		return Who{}, inventory.Errorf(inventory.Unauthorised, "this session has expired: sign in again")
	}
	if now.Sub(s.Seen) >= touchEvery {
		_ = g.access.TouchSession(ctx, s.ID, now) // as with tokens
	}
	return Who{Name: u.Name, Role: u.Role, Via: "session", Expires: s.Created.Add(sessionLimit), user: u.ID, session: s.ID}, nil
}
