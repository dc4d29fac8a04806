package page

// ProblemView is the page of an error.
type ProblemView struct {
	Title Text
	Text  string // what happened, why, what to do next
}
