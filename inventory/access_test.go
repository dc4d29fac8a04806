package inventory

import "testing"

func TestUserRole(t *testing.T) {
	for _, c := range []struct {
		is, need UserRole
		may      bool
	}{
		{Viewer, Viewer, true}, {Viewer, Operator, false}, {Viewer, Admin, false},
		{Operator, Viewer, true}, {Operator, Operator, true}, {Operator, Admin, false},
		{Admin, Viewer, true}, {Admin, Operator, true}, {Admin, Admin, true},
		{"", Viewer, false}, {"root", Viewer, false}, {Admin, "", false}, {Admin, "root", false}, {"", "", false},
	} {
		if got := c.is.May(c.need); got != c.may {
			t.Errorf("%q may what needs %q: %v", c.is, c.need, got)
		}
	}
	for _, c := range []struct{ is, limit, want UserRole }{
		{Admin, Viewer, Viewer}, {Viewer, Admin, Viewer}, {Operator, Operator, Operator}, {Admin, "", ""},
	} {
		if got := c.is.AtMost(c.limit); got != c.want {
			t.Errorf("%q at most %q: %q", c.is, c.limit, got)
		}
	}
}
