package e2e

import "testing"

// TestPage goes through the page as a person does, with a real browser, on a
// rack of stand-ins. Each part begins where the one before ended.
func TestPage(t *testing.T) {
	s := &story{rig: newStandIns(t, 1)}
	s.serve()
	b := newBrowser(t, s.rack.URL())
	for _, part := range []struct {
		name string
		f    func(*browser)
	}{
		{"first start", s.firstStart},
		{"rack", s.rackPage},
		{"keyboard", s.keyboard},
		{"language", s.language},
		{"preview", s.preview},
		{"inspect", s.inspect},
		{"install", s.install},
		{"retry", s.retry},
		{"done", s.done},
		{"around", s.around},
		{"roles", s.roles},
		{"foreign page", s.foreignPage},
		{"gone", s.gone},
	} {
		if !s.part(t, b, part.name, part.f) && !*goOn {
			return
		}
	}
}

// story is what the parts share.
type story struct {
	*rig
}

// part runs one part of the story as a subtest.
func (s *story) part(t *testing.T, b *browser, name string, f func(*browser)) bool {
	return t.Run(name, func(t *testing.T) {
		whole := s.T
		defer func() { s.T = whole }()
		s.T = t
		b.with(t, f)
	})
}

// url is the path of the rack's page.
func (s *story) url() string { return "/racks/" + s.rack.Name() }
