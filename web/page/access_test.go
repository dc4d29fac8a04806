package page_test

import (
	"testing"

	"sandai/web/page"
)

func TestAccessPages(t *testing.T) {
	signIn := page.Frame{Title: page.Text{EN: "Sign in", JA: "サインイン"}}
	first := page.Frame{Title: page.Text{EN: "First start", JA: "初期設定"}, Theme: "dark"}
	refused := first
	refused.Problem, refused.Theme = "the two passwords differ: type them again", "light"
	golden(t, "login", "login", signIn, page.LoginView{Next: "/racks/demo?node=a"})
	golden(t, "login-wrong", "login", signIn, page.LoginView{Next: "/", Name: `ann"><b>`, Wrong: true})
	golden(t, "setup", "setup", first, page.SetupView{Code: "ABC", Name: "admin", Min: 15})
	golden(t, "setup-refused", "setup", refused, page.SetupView{Name: "ann", Min: 15})
	golden(t, "turned-away", "turned-away", page.Frame{Title: page.Text{EN: "That did not work", JA: "処理できませんでした"}}, page.TurnedAwayView{Text: "the disk is full"})
}
