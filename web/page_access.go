package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/auth"
	"sandai/web/page"
)

// bare is the frame of the pages for who is not signed in: it tells nothing.
func bare(c *gin.Context, title page.Text) page.Frame {
	f := page.Frame{Lang: page.LangOf(cookie(c, "lang"), c.GetHeader("Accept-Language")), Title: title}
	if t := cookie(c, "theme"); t == "light" || t == "dark" {
		f.Theme = t
	}
	return f
}

// showLogin draws the page of signing in, with what was wrong before.
func (s *server) showLogin(c *gin.Context, v page.LoginView, wrong error) {
	f, status := bare(c, page.Text{EN: "Sign in", JA: "サインイン"}), http.StatusOK
	if wrong != nil {
		status = errorOf(wrong).status
		if v.Wrong = inventory.CodeOf(wrong) == inventory.Unauthorised; !v.Wrong {
			f.Problem = wrong.Error()
		}
	}
	s.show(c, status, "login", f, v)
}

// showSetup draws the page that makes the first user, with what was wrong before.
func (s *server) showSetup(c *gin.Context, v page.SetupView, wrong error) {
	f, status := bare(c, page.Text{EN: "First start", JA: "初期設定"}), http.StatusOK
	if wrong != nil {
		status, f.Problem = errorOf(wrong).status, wrong.Error()
	}
	v.Min = auth.MinPassword
	s.show(c, status, "setup", f, v)
}

// turnedAway draws what a person is told who is refused, for another reason than
// not being signed in.
func (s *server) turnedAway(c *gin.Context, err error) {
	if WhoOf(c.Request.Context()).Name == "" {
		s.show(c, errorOf(err).status, "turned-away", bare(c, page.Text{EN: "That did not work", JA: "処理できませんでした"}), page.TurnedAwayView{Text: err.Error()})
		return
	}
	f, broken := s.frame(c, "", "", page.Text{})
	if broken != nil {
		f = bare(c, page.Text{})
	}
	s.problem(c, f, err)
}
