package inventory

import "time"

// UserRole is what a person or program may do with the appliance; each may do
// what the one before it may.
type UserRole string

// The roles of users and tokens.
const (
	Viewer   UserRole = "viewer"   // sees everything but secrets, changes nothing
	Operator UserRole = "operator" // installs, switches power, types in consoles, looks at secrets
	Admin    UserRole = "admin"    // manages users and tokens too, reads the audit log
)

// UserRoles lists the roles, the least first.
var UserRoles = []UserRole{Viewer, Operator, Admin}

func (r UserRole) rank() int {
	for i, known := range UserRoles {
		if r == known {
			return i + 1
		}
	}
	return 0
}

// Valid reports whether r is one of the three.
func (r UserRole) Valid() bool { return r.rank() > 0 }

// May reports whether r may do what needs the role need. An unknown role may
// nothing, and what needs an unknown role nobody may.
func (r UserRole) May(need UserRole) bool { return need.Valid() && r.rank() >= need.rank() }

// AtMost returns the lesser of r and limit.
func (r UserRole) AtMost(limit UserRole) UserRole {
	if r.rank() > limit.rank() {
		return limit
	}
	return r
}

// LocalCommand names the token that the appliance writes into its state
// directory, and who used it in the audit log. No user can be called so.
const LocalCommand = "local command line"

// User is a person who signs in.
type User struct {
	ID       uint       `gorm:"primaryKey" json:"-"`
	Name     string     `json:"name"`
	Role     UserRole   `json:"role"`
	Password string     `json:"-"` // argon2id in PHC form, never the password
	Created  time.Time  `gorm:"serializer:stamp" json:"created"`
	SignedIn *time.Time `gorm:"serializer:stamp" json:"signed_in,omitempty"` // last time
}

// Session is one sign-in of a browser. Hash is of the cookie's value.
type Session struct {
	ID      uint      `gorm:"primaryKey" json:"-"`
	UserID  uint      `json:"-"`
	Hash    string    `json:"-"`
	Created time.Time `gorm:"serializer:stamp" json:"created"`
	Seen    time.Time `gorm:"serializer:stamp" json:"seen"` // last request, to the minute
	Address string    `json:"address"`                      // where it was begun
}

// Token lets a program in. Hash is of the token, which is shown only once.
type Token struct {
	ID      uint       `gorm:"primaryKey" json:"id"`
	UserID  *uint      `json:"-"` // nil: it belongs to the appliance, not to a user
	Owner   string     `gorm:"-" json:"owner,omitempty"`
	Name    string     `json:"name"`
	Role    UserRole   `json:"role"` // as read from the store: never more than its owner's
	Hash    string     `json:"-"`
	Created time.Time  `gorm:"serializer:stamp" json:"created"`
	Used    *time.Time `gorm:"serializer:stamp" json:"used,omitempty"` // last time, to the minute
	Expires *time.Time `gorm:"serializer:stamp" json:"expires,omitempty"`
}

// AuditEntry is one request that would change something, carried out or refused.
type AuditEntry struct {
	ID      uint      `gorm:"primaryKey" json:"id"`
	Time    time.Time `gorm:"serializer:stamp" json:"time"`
	Who     string    `json:"who"` // user, LocalCommand, or "" for nobody
	Via     string    `json:"via"` // "session", "token NAME", "setup" or ""
	Method  string    `json:"method"`
	Path    string    `json:"path"` // without its query
	Summary string    `json:"summary"`
	Address string    `json:"address"` // where it came from
	Status  int       `json:"status"`  // of HTTP; 0: it did not end yet, or the appliance ended first
}
