package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/auth"
	"sandai/web/page"
)

// cookieName is the session cookie's. Under TLS a browser takes a cookie of the
// prefix __Host- only from this very host and sends it over TLS only
// (RFC 6265bis §4.1.3).
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-sandai"
	}
	return "sandai"
}

func setCookie(c *gin.Context, value string, maxAge int) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: cookieName(c.Request), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.Request.TLS != nil,
	})
}

// begin signs a user in: a new session, and its cookie. The session that the
// browser had before ends.
func (g *gate) begin(c *gin.Context, u inventory.User) error {
	ctx := c.Request.Context()
	if old := WhoOf(ctx); old.session != 0 {
		if err := g.access.DeleteSession(ctx, old.session); err != nil {
			return err
		}
		g.running.cut(old, func(w Who) bool { return w.session == old.session })
	}
	secret, now := auth.NewSecret(), time.Now().UTC()
	err := g.access.CreateSession(ctx, &inventory.Session{UserID: u.ID, Hash: auth.Sum(secret), Created: now, Seen: now, Address: c.RemoteIP()},
		now.Add(-sessionIdle), now.Add(-sessionLimit))
	if err != nil {
		return err
	}
	setCookie(c, secret, int(sessionLimit.Seconds()))
	auditAs(c, u.Name, "session")
	return nil
}

// signIn finds the user whose name and password these are. It takes as long for
// an unknown name as for a wrong password, and says the same.
func (g *gate) signIn(c *gin.Context, name, password string) (inventory.User, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if ok, wait := g.names.Allow(name, time.Now()); !ok {
		return inventory.User{}, tooMany(c, wait)
	}
	u, err := g.access.User(c.Request.Context(), name)
	if err != nil && inventory.CodeOf(err) != inventory.NotFound {
		return u, err
	}
	// The name of somebody who exists; any other text may be a password that was
	// typed into the wrong field.
	auditAs(c, u.Name, "")
	fits, err := g.passwords.Check(c.Request.Context(), password, u.Password)
	if err != nil {
		return u, err
	}
	if !fits {
		return u, inventory.Errorf(inventory.Unauthorised, "name or password is wrong")
	}
	return u, nil
}

// localPath returns where a person wanted to go, if it is a path of this site.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func (s *server) signInPages(r *gin.Engine) {
	r.GET("/login", func(c *gin.Context) {
		next := localPath(c.Query("next"))
		if WhoOf(c.Request.Context()).Name != "" {
			c.Redirect(http.StatusSeeOther, next)
			return
		}
		users, err := s.Access.Users(c.Request.Context())
		switch {
		case err != nil:
			s.gate.turnAway(c, err)
		case len(users) == 0:
			c.Redirect(http.StatusSeeOther, "/setup")
		default:
			s.showLogin(c, page.LoginView{Next: next}, nil)
		}
	})
	r.POST("/login", func(c *gin.Context) {
		form, err := readForm(c)
		if err != nil {
			s.gate.turnAway(c, err)
			return
		}
		u, err := s.gate.signIn(c, form.Get("name"), form.Get("password"))
		if err == nil {
			err = s.gate.begin(c, u)
		}
		next := localPath(form.Get("next"))
		if err != nil {
			s.showLogin(c, page.LoginView{Next: next, Name: form.Get("name")}, err)
			return
		}
		c.Redirect(http.StatusSeeOther, next)
	})
	r.POST("/logout", func(c *gin.Context) {
		if who := WhoOf(c.Request.Context()); who.session != 0 {
			if err := s.Access.DeleteSession(c.Request.Context(), who.session); err != nil {
				s.gate.turnAway(c, err)
				return
			}
			s.gate.running.cut(who, func(w Who) bool { return w.session == who.session })
		}
		setCookie(c, "", -1)
		if c.GetHeader("HX-Request") != "" { // the whole page goes, with its event stream
			c.Header("HX-Redirect", "/login")
			c.Status(http.StatusOK)
			return
		}
		c.Redirect(http.StatusSeeOther, "/login")
	})
}

// readForm reads a page's form, which is small.
func readForm(c *gin.Context) (url.Values, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxRequest)
	if err := c.Request.ParseForm(); err != nil {
		return nil, inventory.Errorf(inventory.Invalid, "read the form: %w", err)
	}
	return c.Request.PostForm, nil
}

// SessionInfo says who is signed in.
type SessionInfo struct {
	Name    string             `json:"name"`
	Role    inventory.UserRole `json:"role"`
	Via     string             `json:"via" doc:"session, or token NAME"`
	Expires *time.Time         `json:"expires,omitempty"`
}

func (s *server) sessionRoutes(api huma.API) {
	huma.Register(api, get("session", "/session", "Show who is signed in"), func(ctx context.Context, _ *struct{}) (*answer[SessionInfo], error) {
		who := WhoOf(ctx)
		info := SessionInfo{Name: who.Name, Role: who.Role, Via: who.Via}
		if !who.Expires.IsZero() {
			info.Expires = &who.Expires
		}
		return reply(info, nil)
	})
	type passwords struct {
		Body struct {
			Old string `json:"old" doc:"the password until now"`
			New string `json:"new" doc:"at least 15 characters"`
		}
	}
	change := wants(inventory.Viewer, post("session-password", "/session/password", "Change one's own password; all of one's sessions end"))
	huma.Register(api, change, func(ctx context.Context, in *passwords) (*struct{}, error) {
		return nil, s.gate.changeOwn(ctx, in.Body.Old, in.Body.New)
	})
}

// changeOwn changes the password of who asks, who must know the one until now.
func (g *gate) changeOwn(ctx context.Context, old, password string) error {
	who := WhoOf(ctx)
	if who.user == 0 {
		return inventory.Errorf(inventory.Invalid, "%s is no user and has no password", who.Name)
	}
	if ok, wait := g.names.Allow(who.Name, time.Now()); !ok {
		return inventory.Errorf(inventory.TooMany, "too many tries: wait %d seconds and try again", int(wait.Seconds()))
	}
	u, err := g.access.User(ctx, who.Name)
	if err != nil {
		return err
	}
	fits, err := g.passwords.Check(ctx, old, u.Password)
	if err != nil {
		return err
	}
	if !fits {
		return inventory.Errorf(inventory.Forbidden, "the password until now is another: type it again, or ask an admin for a new one")
	}
	_, err = g.changeUser(ctx, who.Name, UserChange{Password: password})
	return err
}

// hash returns the hash of a good password; Invalid says why it is not good.
func (g *gate) hash(ctx context.Context, name, password string) (string, error) {
	if err := auth.Rule(name, password); err != nil {
		return "", err
	}
	return g.passwords.Hash(ctx, password)
}
