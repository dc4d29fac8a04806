package inventory

import (
	"errors"
	"fmt"
)

// Code sorts errors; web maps each to one HTTP status.
type Code string

// The codes.
const (
	NotFound     Code = "not found"
	Conflict     Code = "conflict"
	Invalid      Code = "invalid"
	Unauthorised Code = "unauthorised" // who asks is not known
	Forbidden    Code = "forbidden"    // who asks is known, and may not
	TooMany      Code = "too many"     // asked too often; later it may work
	Unavailable  Code = "unavailable"
	Internal     Code = "internal"
)

// Error is an error with a code and a text that a person can act on.
type Error struct {
	Code Code
	Text string // what happened, why, what to do next
	Err  error
}

// Errorf makes an Error; a %w in the format is kept for errors.Is and As.
func Errorf(c Code, format string, a ...any) *Error {
	err := fmt.Errorf(format, a...)
	return &Error{Code: c, Text: err.Error(), Err: errors.Unwrap(err)}
}

func (e *Error) Error() string { return e.Text }

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in the chain, Internal if there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
