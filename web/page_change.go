package web

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

func (s *server) changePages(r *gin.Engine) {
	r.POST("/racks/:rack/check", func(c *gin.Context) {
		run, err := s.Control.Check(c.Request.Context(), c.Param("rack"))
		s.begun(c, run, "state=changed", err)
	})
	r.POST("/racks/:rack/apply", func(c *gin.Context) {
		run, err := s.Control.Apply(c.Request.Context(), c.Param("rack"), inventory.ApplyRequest{PlanHash: c.PostForm("plan")})
		s.begun(c, run, "", err)
	})
	r.GET("/racks/:rack/nodes/:node/reinstall", func(c *gin.Context) { s.reinstallPage(c, http.StatusOK, page.ReinstallData{}, "") })
	r.POST("/racks/:rack/nodes/:node/reinstall", s.reinstallAction)
}

// begun leads to a run that was just begun, or draws the cloud's page with the
// error.
func (s *server) begun(c *gin.Context, run inventory.Run, query string, err error) {
	if err != nil {
		s.cloudPage(c, errorOf(err).status, cloudAsk{}, err.Error())
		return
	}
	to := runPath(c.Param("rack"), run.ID)
	if query != "" {
		to += "?" + query
	}
	c.Redirect(http.StatusSeeOther, to)
}

// reinstallPage draws what a reinstall of a node would do; d has what was typed,
// and what was wrong with it.
func (s *server) reinstallPage(c *gin.Context, status int, d page.ReinstallData, problem string) {
	name, node := c.Param("rack"), c.Param("node")
	f, err := s.frame(c, "rack", name, page.Text{EN: "Reinstall " + node, JA: node + " の再インストール"})
	f.Problem = problem
	f.URL = rackPath(name) + "/nodes/" + url.PathEscape(node) + "/reinstall"
	if err == nil {
		d.Preview, err = s.Control.ReinstallPreview(c.Request.Context(), name, node)
		// A run that begins is no error of who just looks: the page says so, and is
		// drawn anew when it has ended.
		if inventory.CodeOf(err) == inventory.Conflict && c.Request.Method == http.MethodGet {
			d.Why, err = err.Error(), nil
		}
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	d.Rack, d.Node = name, node
	s.show(c, status, "reinstall", f, page.Reinstall(d))
}

// reinstallAction starts what was shown, if it still holds and the node's name was
// typed.
func (s *server) reinstallAction(c *gin.Context) {
	name, node := c.Param("rack"), c.Param("node")
	d := page.ReinstallData{Typed: c.PostForm("name"), Shown: c.PostForm("hash")}
	if d.Wrong = d.Typed != node; d.Wrong {
		s.reinstallPage(c, http.StatusUnprocessableEntity, d, "")
		return
	}
	run, err := s.Control.Reinstall(c.Request.Context(), name, node, inventory.ReinstallRequest{PreviewHash: d.Shown, Confirm: d.Typed})
	if err != nil {
		s.reinstallPage(c, errorOf(err).status, d, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, runPath(name, run.ID))
}
