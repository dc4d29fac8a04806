package web

import (
	"testing"

	"sandai/web/console"
)

func TestNotice(t *testing.T) {
	people := []console.Person{{ID: 1, Name: "anna"}, {ID: 2, Name: "ben"}}
	state := func(fn func(*console.State)) console.State {
		s := console.State{Line: console.Live, Viewers: people, You: 1}
		fn(&s)
		return s
	}
	mine := func(s *console.State) { s.Holder = 1 }
	his := func(s *console.State) { s.Holder = 2 }
	free := func(*console.State) {}
	for name, tt := range map[string]struct {
		was, is func(*console.State)
		want    string
	}{
		"live":             {free, free, ""},
		"nobody had it":    {free, mine, ""},
		"another took it":  {free, his, ""},
		"lost":             {free, func(s *console.State) { s.Line, s.Reason = console.Lost, "ended" }, ""}, // the stream says so
		"never open":       {func(s *console.State) { s.Line = console.Opening }, func(s *console.State) { s.Line, s.Reason = console.Lost, "silent" }, "the line is not open, and is tried again: silent"},
		"hands off":        {free, func(s *console.State) { s.Line, s.Reason = console.Held, "hands off" }, "hands off"},
		"asked":            {mine, func(s *console.State) { s.Holder, s.Asking = 1, &console.Ask{Who: 2, Seconds: 15} }, "ben asks for the keyboard and gets it in 15 s"},
		"asks":             {his, func(s *console.State) { s.Holder, s.Asking = 2, &console.Ask{Who: 1, Seconds: 15} }, "ben has the keyboard and is asked for it; without an answer it is yours in 15 s"},
		"others ask":       {free, func(s *console.State) { s.Holder, s.Asking = 3, &console.Ask{Who: 2, Seconds: 15} }, ""},
		"refused":          {his, func(s *console.State) { s.Holder, s.Answer = 2, console.Refused }, "ben keeps the keyboard"},
		"busy":             {his, func(s *console.State) { s.Holder, s.Answer = 2, console.Busy }, "ben has the keyboard, and another one asks for it already; try again"},
		"may not":          {free, func(s *console.State) { s.Answer = console.MayNot }, "your role lets you look, not type"},
		"got it":           {his, mine, "you have the keyboard"},
		"lost it":          {mine, his, "ben has the keyboard now"},
		"they left":        {his, free, ""},
		"still the answer": {func(s *console.State) { s.Answer = console.MayNot }, func(s *console.State) { s.Answer = console.MayNot }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := ""
			if tt.want != "" {
				want = "\r\n[sandai: " + tt.want + "]\r\n"
			}
			if got := string(notice(state(tt.was), state(tt.is))); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}
