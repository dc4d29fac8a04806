package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// pageCookieAge is how long a browser keeps the language and the colours.
const pageCookieAge = 365 * 24 * time.Hour

// pages serves what a browser is shown.
func (s *server) pages(r *gin.Engine) {
	r.Use(choose)
	r.GET("/assets/*name", func(c *gin.Context) { page.ServeAsset(c.Writer, c.Request) })
	s.live(r)
	s.previewPages(r)
	s.changePages(r)
	s.rolePages(r)
	s.firstPages(r)
	s.rackPages(r)
	s.runPages(r)
	s.cloudPages(r)
	s.imagePages(r)
	s.eventPages(r)
	s.settingsPages(r)
}

// choose keeps the language and the colours that the query asks for, and leads
// back to the page without them.
func choose(c *gin.Context) {
	q := c.Request.URL.Query()
	chosen := false
	for name, known := range map[string]map[string]bool{"lang": {"en": true, "ja": true}, "theme": {"auto": true, "light": true, "dark": true}} {
		v := q.Get(name)
		if c.Request.Method != http.MethodGet || !known[v] {
			continue
		}
		chosen = true
		q.Del(name)
		http.SetCookie(c.Writer, &http.Cookie{Name: name, Value: v, Path: "/", MaxAge: int(pageCookieAge.Seconds()), SameSite: http.SameSiteLaxMode, HttpOnly: true, Secure: c.Request.TLS != nil})
	}
	if chosen {
		// Two slashes would name another host.
		to := url.URL{Path: "/" + strings.TrimLeft(c.Request.URL.Path, "/"), RawQuery: q.Encode()}
		c.Redirect(http.StatusSeeOther, to.String())
		c.Abort()
	}
}

func cookie(c *gin.Context, name string) string {
	v, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return v
}

// frame makes what a page has around its content; rack is the one that it is
// about, "" for none: the status line is then that of the first rack with a run.
func (s *server) frame(c *gin.Context, section, rack string, title page.Text) (page.Frame, error) {
	f := bare(c, title)
	f.URL, f.Section, f.Rack = c.Request.URL.RequestURI(), section, rack
	f.Who, f.Role = whoLooks(c.Request.Context())
	var err error
	if f.Racks, err = s.Racks.RackNames(c.Request.Context()); err != nil {
		return f, err
	}
	if rack == "" && len(f.Racks) > 0 {
		f.Rack = f.Racks[0]
	}
	if f.Rack == "" {
		return f, nil
	}
	if s.Wires != nil {
		f.Wire = s.Wires.WireProblem(f.Rack)
	}
	l, err := s.looked(c, f.Rack)
	f.Status = page.StatusOf(l.progress)
	return f, err
}

// looked is look, once a request: the frame and the page show the same moment.
func (s *server) looked(c *gin.Context, rack string) (look, error) {
	key := "look/" + rack
	if l, ok := c.Get(key); ok {
		return l.(look), nil
	}
	l, err := s.look(c.Request.Context(), rack)
	if err == nil {
		c.Set(key, l)
	}
	return l, err
}

// show draws a page; where that fails, the error's page.
func (s *server) show(c *gin.Context, status int, name string, f page.Frame, view any) {
	var b bytes.Buffer
	if err := page.Render(&b, name, f, view); err != nil {
		fail(c, inventory.Errorf(inventory.Internal, "%w", err))
		return
	}
	if c.Request.Method != http.MethodGet {
		c.Header("HX-Push-Url", f.URL) // the page's own: that of the action can be fetched by nobody
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// problem draws the page of an error: what happened, why, what to do next.
func (s *server) problem(c *gin.Context, f page.Frame, err error) {
	e := errorOf(err)
	title := page.Text{EN: "That did not work", JA: "処理できませんでした"}
	if e.Code == inventory.NotFound {
		title = page.Text{EN: "There is no such thing", JA: "見つかりません"}
	}
	if f.Lang == "" {
		f.Lang = page.LangOf(cookie(c, "lang"), c.GetHeader("Accept-Language"))
	}
	f.Title = title
	s.show(c, e.status, "problem", f, page.ProblemView{Title: title, Text: e.Text})
}
