package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// How old what the cloud's page shows may get while somebody looks.
const (
	statusAge  = 15 * time.Second
	unitsAge   = 10 * time.Second
	journalAge = 10 * time.Second
)

// journalLines is how many of the last lines of a log the page shows.
const journalLines = 200

func (s *server) cloudPages(r *gin.Engine) {
	r.GET("/racks/:rack/cloud", func(c *gin.Context) { s.cloudPage(c, http.StatusOK, cloudAsk{}, "") })
	r.POST("/racks/:rack/cloud/proof", func(c *gin.Context) {
		_, err := s.Control.RunProof(c.Request.Context(), c.Param("rack"))
		s.cloudAction(c, "", "", err)
	})
	r.POST("/racks/:rack/cloud/secrets/:secret", s.revealAction)
	r.POST("/racks/:rack/cloud/openrc", func(c *gin.Context) {
		b, err := s.Cloud.Openrc(c.Request.Context(), c.Param("rack"))
		s.handOver(c, b, "text/plain; charset=utf-8", "openrc", err)
	})
	r.POST("/racks/:rack/cloud/clouds.yaml", func(c *gin.Context) {
		b, err := s.Cloud.CloudsYAML(c.Request.Context(), c.Param("rack"))
		s.handOver(c, b, "application/yaml", "clouds.yaml", err)
	})
	r.POST("/racks/:rack/nodes/:node/units/:unit/restart", s.restartAction)
}

// cloudAsk is what an action adds to the cloud's page.
type cloudAsk struct {
	node, unit string
	revealed   *inventory.Revealed
}

func cloudURL(rack, node, unit, done string) string {
	u := url.URL{Path: "/racks/" + rack + "/cloud"}
	q := url.Values{}
	for name, v := range map[string]string{"node": node, "unit": unit, "restart": done} {
		if v != "" {
			q.Set(name, v)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// cloudAction leads back to the cloud's page, or draws it with the error.
func (s *server) cloudAction(c *gin.Context, node, unit string, err error) {
	if err != nil {
		s.cloudPage(c, errorOf(err).status, cloudAsk{node: node, unit: unit}, err.Error())
		return
	}
	done := ""
	if unit != "" {
		done = "done"
	}
	c.Redirect(http.StatusSeeOther, cloudURL(c.Param("rack"), node, unit, done))
}

// revealAction shows one secret, in this answer and nowhere else. It is a POST so
// that the look is in the audit log.
func (s *server) revealAction(c *gin.Context) {
	v, err := s.Cloud.Reveal(c.Request.Context(), c.Param("rack"), c.Param("secret"))
	if err != nil {
		s.cloudAction(c, "", "", err)
		return
	}
	s.cloudPage(c, http.StatusOK, cloudAsk{revealed: &v}, "")
}

func (s *server) handOver(c *gin.Context, b []byte, contentType, name string, err error) {
	if err != nil {
		s.cloudAction(c, "", "", err)
		return
	}
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`)
	c.Data(http.StatusOK, contentType, b)
}

func (s *server) restartAction(c *gin.Context) {
	rack, node, unit := c.Param("rack"), c.Param("node"), c.Param("unit")
	_, err := s.Calls.Restart(c.Request.Context(), rack, node, unit)
	s.looks.forget(unitsKey(rack, node))
	s.looks.forget(journalKey(rack, node, unit))
	s.looks.forget("cloud/" + rack)
	s.cloudAction(c, node, unit, err)
}

func unitsKey(rack, node string) string         { return "units/" + rack + "/" + node }
func journalKey(rack, node, unit string) string { return "journal/" + rack + "/" + node + "/" + unit }

// cloudPage draws the cloud; problem is what just went wrong, "" for nothing.
func (s *server) cloudPage(c *gin.Context, status int, ask cloudAsk, problem string) {
	name := c.Param("rack")
	f, err := s.frame(c, "cloud", name, page.Text{EN: "Cloud " + name, JA: "クラウド " + name})
	var d page.CloudData
	if err == nil {
		d, err = s.cloudData(c, name, ask)
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	if c.Request.Method != http.MethodGet {
		f.URL = cloudURL(name, d.Node, d.Unit, "")
	}
	f.Problem = problem
	s.show(c, status, "cloud", f, page.CloudPage(d))
}

func (s *server) cloudData(c *gin.Context, name string, ask cloudAsk) (page.CloudData, error) {
	d := page.CloudData{Node: c.Query("node"), Unit: c.Query("unit"), Restart: c.Query("restart") == "ask", Restarted: c.Query("restart") == "done", Revealed: ask.revealed, Now: time.Now()}
	if ask.unit != "" {
		d.Node, d.Unit = ask.node, ask.unit
	}
	l, err := s.looked(c, name)
	if err != nil {
		return d, err
	}
	if s.Guide != nil {
		d.Texts = s.Guide.StepText
	}
	d.Rack = l.rack
	if l.progress != nil {
		d.Run = &l.progress.Run
	}
	report, err := s.Installer.Report(c.Request.Context(), name)
	switch {
	case err == nil:
		d.Report = &report
	case inventory.CodeOf(err) != inventory.NotFound:
		return d, err
	}
	if d.Report == nil || d.Rack.Release == inventory.ReleaseDebian {
		return d, nil // nobody is asked of a cloud that is not there
	}
	s.cloudKept(c, name, &d)
	s.cloudAsked(c, name, &d)
	return d, nil
}

// cloudKept fills in what the appliance keeps itself. What cannot be read is
// said, and the rest stands.
func (s *server) cloudKept(c *gin.Context, name string, d *page.CloudData) {
	var err error
	if d.Accounts, err = s.Cloud.Accounts(c.Request.Context(), name); err != nil {
		d.Trouble = append(d.Trouble, err.Error())
	}
	switch j, err := s.Cloud.Journey(c.Request.Context(), name); {
	case err == nil:
		d.Journey = &j
	case inventory.CodeOf(err) != inventory.NotFound:
		d.Trouble = append(d.Trouble, err.Error())
	}
}

// cloudAsked fills in what the cloud and the nodes say, as far as it is known;
// what is old or unknown is asked for, and draws the page anew.
func (s *server) cloudAsked(c *gin.Context, name string, d *page.CloudData) {
	patience, cancel := context.WithTimeout(c.Request.Context(), lookWait)
	defer cancel()
	d.Units = map[string]page.Answer[[]inventory.Unit]{}
	for _, n := range d.Rack.Nodes {
		if n.Role != "" {
			d.Units[n.Name] = lookAt(s.looks, patience, unitsKey(name, n.Name), unitsAge, func(ctx context.Context) ([]inventory.Unit, error) {
				return s.Calls.Units(ctx, name, n.Name)
			})
		}
	}
	d.Status = lookAt(s.looks, patience, "cloud/"+name, statusAge, func(ctx context.Context) (inventory.CloudStatus, error) {
		return s.Cloud.CloudStatus(ctx, name)
	})
	if !d.Status.Value.Asked.IsZero() {
		d.Status.At = d.Status.Value.Asked // it may have been answered from what the engine kept
	}
	if d.Unit != "" && slices.ContainsFunc(d.Rack.Nodes, func(n inventory.Node) bool { return n.Name == d.Node }) {
		node, unit := d.Node, d.Unit
		d.Journal = lookAt(s.looks, patience, journalKey(name, node, unit), journalAge, func(ctx context.Context) (inventory.Journal, error) {
			return s.Calls.Journal(ctx, name, node, unit, journalLines)
		})
	}
}
