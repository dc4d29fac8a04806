package bmc

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a BMC, for errors.Is.
var (
	// ErrAuth: it answers, and refuses the user, the password or the privilege.
	ErrAuth = errors.New("the BMC refuses the login")
	// ErrUnreachable: it does not answer.
	ErrUnreachable = errors.New("the BMC does not answer")
	// ErrNoEffect: it accepted a command, and nothing happened.
	ErrNoEffect = errors.New("the BMC accepted the command and nothing happened")
)

// Error is a failure of a BMC that a person can act on.
type Error struct {
	Op      string // what was tried, "power on"
	Address string // host:port
	Kind    error  // ErrAuth, ErrUnreachable, ErrNoEffect, or nil for another refusal
	Detail  string // what was seen
	Next    string // what to do now
	Err     error  // the cause, for errors.Is; may be nil
}

func (e *Error) Error() string {
	parts := []string{fmt.Sprintf("%s on %s", e.Op, e.Address)}
	if e.Kind != nil {
		parts = append(parts, e.Kind.Error())
	}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	s := strings.Join(parts, ": ")
	if e.Next != "" {
		s += "; " + e.Next
	}
	return s
}

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	var out []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

const (
	nextAuth        = "check bmc.user and the BMC's password in the inventory, and that the user is enabled for IPMI over LAN with the administrator privilege"
	nextUnreachable = "check bmc.address and bmc.port, that the BMC has power and a link, that IPMI over LAN is on, and that UDP 623 is not filtered; a BMC that hangs wants a cold reset or its plug pulled"
)

// classify tells from what ipmitool -v printed why a session could not be made
// (RMCP+ status codes, IPMI 2.0 table 13-15).
func classify(out string) error {
	switch {
	case strings.Contains(out, "RAKP 2 HMAC is invalid"),
		strings.Contains(out, "unauthorized name"),
		strings.Contains(out, "unauthorized GUID"),
		strings.Contains(out, "unauthorized role"),
		strings.Contains(out, "invalid role"),
		strings.Contains(out, "Privilege Level to"),
		strings.Contains(out, "Insufficient privilege"),
		strings.Contains(out, "invalid integrity check"):
		return ErrAuth
	case strings.Contains(out, "Get Auth Capabilities error"),
		strings.Contains(out, "Get Channel Authentication Capabilities"),
		strings.Contains(out, "Could not open socket"),
		strings.Contains(out, "Address lookup"),
		strings.Contains(out, "no response from"),
		strings.Contains(out, "Unable to establish"):
		return ErrUnreachable
	}
	return nil
}

// wrongCipher reports whether the BMC refused the cipher suite.
func wrongCipher(out string) bool {
	for _, s := range []string{"no cipher suite match", "invalid authentication algorithm", "invalid integrity algorithm", "invalid confidentiality algorithm", "no matching authentication", "no matching integrity"} {
		if strings.Contains(out, s) {
			return true
		}
	}
	return false
}

// ended reports whether ctx ended, which is the caller's doing and no finding
// about the BMC.
func ended(ctx context.Context, op, address string) error {
	if ctx.Err() == nil {
		return nil
	}
	return &Error{Op: op, Address: address, Detail: "stopped before it was done: " + ctx.Err().Error(), Next: "try again", Err: ctx.Err()}
}

// hopeless reports whether asking the BMC again at once would not help.
func hopeless(ctx context.Context, err error) bool {
	return errors.Is(err, ErrAuth) || errors.Is(err, ErrUnreachable) || ctx.Err() != nil
}
