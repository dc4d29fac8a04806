package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/auth"
	"sandai/web/page"
)

// auditOnPage is how many entries of the audit log one page shows.
const auditOnPage = 100

func (s *server) settingsPages(r *gin.Engine) {
	for tab, path := range map[string]string{"account": "/settings", "users": "/settings/users", "audit": "/settings/audit", "appliance": "/settings/appliance"} {
		r.GET(path, func(c *gin.Context) {
			s.settingsPage(c, http.StatusOK, page.SettingsData{Tab: tab, Done: c.Query("done")}, "")
		})
	}
	r.POST("/settings/password", s.passwordAction)
	r.POST("/settings/backup", s.backupAction)
	r.POST("/settings/copies", s.copiesAction)
	r.POST("/settings/tokens", s.tokenAction)
	r.POST("/settings/tokens/:id/remove", func(c *gin.Context) {
		id, err := strconv.ParseUint(c.Param("id"), 10, 64)
		if err != nil {
			err = inventory.Errorf(inventory.NotFound, "there is no token %s", c.Param("id"))
		} else {
			err = s.gate.removeToken(c.Request.Context(), uint(id))
		}
		s.settingsAction(c, "account", "removed", err)
	})
	r.POST("/settings/users", func(c *gin.Context) {
		_, err := s.gate.addUser(c.Request.Context(), NewUser{Name: c.PostForm("name"), Role: inventory.UserRole(c.PostForm("role")), Password: c.PostForm("password")})
		s.settingsAction(c, "users", "added", err)
	})
	r.POST("/settings/users/:name", s.userAction)
	r.POST("/settings/users/:name/remove", func(c *gin.Context) {
		name := c.Param("name")
		if c.PostForm("confirm") != name {
			s.settingsAction(c, "users", "", inventory.Errorf(inventory.Invalid, "nobody was removed: to remove a user, type the name: %s", name))
			return
		}
		s.settingsAction(c, "users", "deleted", s.Access.DeleteUser(c.Request.Context(), name))
	})
}

// settingsAction leads back to a settings' page, or draws it with the error.
func (s *server) settingsAction(c *gin.Context, tab, done string, err error) {
	if err != nil {
		s.settingsPage(c, errorOf(err).status, page.SettingsData{Tab: tab}, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, settingsURL(tab)+"?done="+done)
}

func settingsURL(tab string) string {
	if tab == "account" {
		return "/settings"
	}
	return "/settings/" + tab
}

// passwordAction changes one's own password. All sessions end with it, and this
// browser gets a new one.
func (s *server) passwordAction(c *gin.Context) {
	if c.PostForm("new") != c.PostForm("again") {
		s.settingsAction(c, "account", "", inventory.Errorf(inventory.Invalid, "nothing was changed: the new password was typed twice and differs; type it again"))
		return
	}
	who := WhoOf(c.Request.Context())
	err := s.gate.changeOwn(c.Request.Context(), c.PostForm("old"), c.PostForm("new"))
	if err == nil && who.session != 0 {
		var u inventory.User
		if u, err = s.Access.User(c.Request.Context(), who.Name); err == nil {
			err = s.gate.begin(c, u)
		}
	}
	s.settingsAction(c, "account", "password", err)
}

func (s *server) tokenAction(c *gin.Context) {
	name := strings.TrimSpace(c.PostForm("name"))
	days, err := strconv.Atoi(c.DefaultPostForm("days", "0"))
	switch {
	case name == "" || len(name) > 64:
		err = inventory.Errorf(inventory.Invalid, "no token was made: say in at most 64 characters what it is for")
	case err != nil || days < 0 || days > 3650:
		err = inventory.Errorf(inventory.Invalid, "no token was made: it may be valid for 0 (until it is removed) to 3650 days")
	}
	var made MadeToken
	if err == nil {
		made, err = s.gate.addToken(c.Request.Context(), NewToken{Name: name, Role: inventory.UserRole(c.PostForm("role")), Days: days})
	}
	if err != nil {
		s.settingsAction(c, "account", "", err)
		return
	}
	// Its text is in this answer and nowhere else, so nothing leads away from it.
	s.settingsPage(c, http.StatusOK, page.SettingsData{Tab: "account", Made: &made.Token, MadeText: made.Text}, "")
}

func (s *server) userAction(c *gin.Context) {
	role, password := inventory.UserRole(c.PostForm("role")), c.PostForm("password")
	var err error
	switch {
	case role == "" && password == "":
		err = inventory.Errorf(inventory.Invalid, "nothing was changed: choose a role or type a password")
	case role != "" && !role.Valid():
		err = inventory.Errorf(inventory.Invalid, "there is no role %q; there are viewer, operator and admin", role)
	default:
		_, err = s.gate.changeUser(c.Request.Context(), c.Param("name"), UserChange{Role: role, Password: password})
	}
	s.settingsAction(c, "users", "changed", err)
}

func (s *server) settingsPage(c *gin.Context, status int, d page.SettingsData, problem string) {
	f, err := s.frame(c, "settings", "", page.Text{EN: "Settings", JA: "設定"})
	if c.Request.Method != http.MethodGet {
		f.URL = settingsURL(d.Tab)
	}
	who := WhoOf(c.Request.Context())
	d.Name, d.Role, d.User, d.Min = who.Name, string(who.Role), who.user != 0, auth.MinPassword
	if err == nil {
		err = s.settingsData(c, &d, f.Racks)
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Problem = problem
	s.show(c, status, "settings", f, page.SettingsPage(d))
}

func (s *server) settingsData(c *gin.Context, d *page.SettingsData, racks []string) (err error) {
	switch d.Tab {
	case "account":
		d.Tokens, err = s.gate.tokens(c.Request.Context())
	case "users":
		d.Users, err = s.Access.Users(c.Request.Context())
	case "audit":
		var who *string
		if d.Who, d.Before = c.Query("who"), beforeOf(c); d.Who != "" {
			name := d.Who
			if name == "-" {
				name = ""
			}
			who = &name
		}
		d.Audit, err = s.Access.Audit(c.Request.Context(), who, d.Before, auditOnPage+1)
		if len(d.Audit) > auditOnPage {
			d.Audit, d.More = d.Audit[:auditOnPage], true
		}
	case "appliance":
		d.Copies, err = s.Backups.Copies(c.Request.Context())
		d.Racks, d.About = racks, page.About{Version: Version(), State: s.About.State, Cache: s.About.Cache, Fingerprint: s.About.Fingerprint}
	}
	return err
}
