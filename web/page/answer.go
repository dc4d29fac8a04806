package page

import (
	"time"

	"sandai/inventory"
)

// Answer is what is known of something that is slow to ask. Value stands as it
// was said at At, which is zero where nothing was said yet; Err is why the last
// question after it failed.
type Answer[T any] struct {
	Value  T
	At     time.Time
	Err    string
	Code   inventory.Code // of Err
	Asking bool
}

// Known reports whether there was ever an answer.
func (a Answer[T]) Known() bool { return !a.At.IsZero() }

// Asked is the part of an Answer that tells how old and how good it is.
type Asked struct {
	Known  bool
	Age    float64 // seconds
	At     time.Time
	Err    string
	Asking bool
}

// AskedOf tells how old an answer is.
func AskedOf[T any](a Answer[T], now time.Time) Asked {
	out := Asked{Known: a.Known(), At: a.At, Err: a.Err, Asking: a.Asking}
	if out.Known {
		out.Age = max(0, now.Sub(a.At).Seconds())
	}
	return out
}
