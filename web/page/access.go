package page

import "html/template"

// LoginView is the page of signing in.
type LoginView struct {
	Next  string // where to go then, a path of this site
	Name  string // what was typed before
	Wrong bool   // name or password
}

// SetupView is the page that makes the first user.
type SetupView struct {
	Code string // from the URL that serve has printed, or what was typed
	Name string
	Min  int // characters of a password
}

// TurnedAwayView is the page of who is not signed in and cannot be helped by it.
type TurnedAwayView struct {
	Text string // what happened, why, what to do next
}

// Again is the query that leads to the same page with another language or colours.
func (v LoginView) Again(name, value string) template.URL {
	return Query(name, value, "next", v.Next)
}

// Again is the query that leads to the same page with another language or colours.
func (v SetupView) Again(name, value string) template.URL {
	return Query(name, value, "code", v.Code)
}

// Again is the query that leads to the same page with another language or colours.
func (v TurnedAwayView) Again(name, value string) template.URL { return Query(name, value) }
