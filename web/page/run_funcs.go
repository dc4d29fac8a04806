package page

import (
	"fmt"
	"html/template"

	"sandai/inventory"
)

// runFuncs are the functions of the runs' templates.
func runFuncs(l Lang) template.FuncMap {
	return template.FuncMap{
		"add": func(a, b int) int { return a + b },
		// unless leaves a query's value out where it is what goes without saying.
		"unless": func(v, usual int) string {
			if v == usual {
				return ""
			}
			return fmt.Sprint(v)
		},
		"settled":    func(s inventory.StepState) bool { return s == inventory.StepDone || s == inventory.StepFailed },
		"filterword": func(s string) string { return filterWords[s].In(l) },
	}
}
