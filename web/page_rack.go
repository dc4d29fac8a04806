package web

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// How many events, and how many lines of a console, the drawer shows.
const (
	historyLength = 50
	consoleLength = 200
)

func (s *server) rackPages(r *gin.Engine) {
	r.GET("/", s.home)
	r.GET("/racks/:rack", func(c *gin.Context) { s.rackPage(c, http.StatusOK, "") })
	r.POST("/racks/:rack/power", s.powerAction)
	r.POST("/racks/:rack/resume", s.resumeAction)
	r.POST("/racks/:rack/nodes/:node/hands-off", func(c *gin.Context) {
		_, err := s.Control.HandsOff(c.Request.Context(), c.Param("rack"), c.Param("node"), c.PostForm("why"))
		s.nodeAction(c, err)
	})
	r.POST("/racks/:rack/nodes/:node/rescue", func(c *gin.Context) {
		_, err := s.Control.Rescue(c.Request.Context(), c.Param("rack"), c.Param("node"), inventory.RescueRequest{Confirm: c.PostForm("confirm")})
		s.nodeAction(c, err)
	})
	r.POST("/racks/:rack/nodes/:node/end-rescue", func(c *gin.Context) {
		_, err := s.Control.EndRescue(c.Request.Context(), c.Param("rack"), c.Param("node"))
		s.nodeAction(c, err)
	})
	r.POST("/racks/:rack/nodes/:node/let-go", func(c *gin.Context) {
		_, err := s.Control.LetGo(c.Request.Context(), c.Param("rack"), c.Param("node"))
		s.nodeAction(c, err)
	})
}

// home leads to the first rack, or says how to get one.
func (s *server) home(c *gin.Context) {
	f, err := s.frame(c, "rack", "", page.Text{EN: "No rack", JA: "ラックなし"})
	switch {
	case err != nil:
		s.problem(c, f, err)
	case f.Rack != "":
		c.Redirect(http.StatusSeeOther, "/racks/"+url.PathEscape(f.Rack))
	default:
		s.show(c, http.StatusOK, "empty", f, nil)
	}
}

// rackPage draws the rack; problem is what just went wrong, "" for nothing.
func (s *server) rackPage(c *gin.Context, status int, problem string) {
	name := c.Param("rack")
	f, err := s.frame(c, "rack", name, page.Both(name))
	if err != nil {
		s.problem(c, f, err)
		return
	}
	d, err := s.rackData(c, name)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Problem = problem
	f.URL = rackURL(name, d)
	s.show(c, status, "rack", f, page.RackPage(d))
}

func rackURL(name string, d page.RackData) string {
	q := url.Values{}
	for _, n := range d.Selected {
		q.Add("node", n)
	}
	if d.Tab != "" {
		q.Set("tab", d.Tab)
	}
	if d.Filter != "" {
		q.Set("q", d.Filter)
	}
	u := url.URL{Path: "/racks/" + name, RawQuery: q.Encode()}
	return u.String()
}

func (s *server) rackData(c *gin.Context, name string) (page.RackData, error) {
	d := page.RackData{Selected: values(c, "node"), Tab: value(c, "tab"), Filter: value(c, "q"), Now: time.Now()}
	l, err := s.looked(c, name)
	if err != nil {
		return d, err
	}
	d.Rack, d.Steps, d.Progress, d.Power = l.rack, l.steps, l.progress, s.lamps.of(l.rack)
	if len(d.Selected) == 1 {
		switch d.Tab {
		case "history":
			d.History, err = s.Events.FindEvents(c.Request.Context(), inventory.EventQuery{Node: d.Selected[0], Limit: historyLength})
		case "bmc":
			d.BMC = s.bmcFacts(c.Request.Context(), l.rack, d.Selected[0])
		case "console": // for who has no script; the others get the line itself
			d.Console = s.Consoles.Tail(name, d.Selected[0], consoleLength)
		}
	}
	return d, err
}

// value and values read a field of a form or of the query.
func value(c *gin.Context, name string) string {
	if v := c.PostForm(name); v != "" {
		return v
	}
	return c.Query(name)
}

func values(c *gin.Context, name string) []string {
	if v := c.PostFormArray(name); len(v) > 0 {
		return v
	}
	return c.QueryArray(name)
}

// powerAction switches the chosen servers. What interrupts a server wants its
// name typed.
func (s *server) powerAction(c *gin.Context) {
	name, op, nodes := c.Param("rack"), c.PostForm("op"), c.PostFormArray("node")
	if len(nodes) == 0 || !slices.Contains([]string{"on", "soft", "off", "cycle", "reset"}, op) {
		s.rackPage(c, http.StatusUnprocessableEntity, "nothing was switched: choose a server and one of on, shut down, off, off and on, reset")
		return
	}
	if (op == "off" || op == "cycle" || op == "reset") && c.PostForm("confirm") != nodes[0] {
		s.rackPage(c, http.StatusUnprocessableEntity, "nothing was switched: that interrupts what runs on the server, so its name is asked for: type "+nodes[0])
		return
	}
	for _, n := range nodes {
		if err := s.Power.SetPower(c.Request.Context(), name, n, op); err != nil {
			s.rackPage(c, errorOf(err).status, n+": "+err.Error())
			return
		}
	}
	s.lamps.forget(name)
	c.Redirect(http.StatusSeeOther, rackURL(name, page.RackData{Selected: nodes, Tab: c.PostForm("tab")}))
}

// nodeAction ends what was done with one server: its drawer again, or what is wrong.
func (s *server) nodeAction(c *gin.Context, err error) {
	if err != nil {
		s.rackPage(c, errorOf(err).status, err.Error())
		return
	}
	s.lamps.forget(c.Param("rack"))
	c.Redirect(http.StatusSeeOther, rackURL(c.Param("rack"), page.RackData{Selected: []string{c.Param("node")}, Tab: c.PostForm("tab")}))
}

// resumeAction goes on with a run that failed or was stopped.
func (s *server) resumeAction(c *gin.Context) {
	name := c.Param("rack")
	if _, err := s.Installer.Install(c.Request.Context(), name, inventory.InstallRequest{}); err != nil {
		s.rackPage(c, errorOf(err).status, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, "/racks/"+url.PathEscape(name))
}
