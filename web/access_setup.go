package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/auth"
	"sandai/web/page"
)

// setupPages make the first user, of who has the code that serve has printed.
func (s *server) setupPages(r *gin.Engine) {
	r.GET("/setup", func(c *gin.Context) {
		users, err := s.Access.Users(c.Request.Context())
		switch {
		case err != nil:
			s.gate.turnAway(c, err)
		case len(users) > 0:
			c.Redirect(http.StatusSeeOther, "/login")
		default:
			s.showSetup(c, page.SetupView{Code: c.Query("code"), Name: "admin"}, nil)
		}
	})
	r.POST("/setup", func(c *gin.Context) {
		form, err := readForm(c)
		if err != nil {
			s.gate.turnAway(c, err)
			return
		}
		v := page.SetupView{Code: form.Get("code"), Name: form.Get("name")}
		u := inventory.User{Name: strings.ToLower(strings.TrimSpace(v.Name))}
		if err := s.firstUser(c, &u, v.Code, form.Get("password"), form.Get("again")); err != nil {
			s.showSetup(c, v, err)
			return
		}
		c.Redirect(http.StatusSeeOther, "/")
	})
}

func (s *server) firstUser(c *gin.Context, u *inventory.User, code, password, again string) (err error) {
	if password != again {
		return inventory.Errorf(inventory.Invalid, "the two passwords differ: type them again")
	}
	ctx := c.Request.Context()
	if u.Password, err = s.gate.hash(ctx, u.Name, password); err != nil {
		return err
	}
	// A code may be typed from another screen.
	code = strings.ToUpper(strings.TrimSpace(code))
	if err := s.Access.CreateFirstUser(ctx, auth.Sum(code), u); err != nil {
		return err
	}
	return s.gate.begin(c, *u)
}
