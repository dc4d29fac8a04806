package web

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// hostedAge is how old the answer may get what a cloud runs on a node, while
// somebody looks. What is confirmed is compared with what is so by then anyway.
const hostedAge = time.Minute

func (s *server) changePages(r *gin.Engine) {
	r.POST("/racks/:rack/check", func(c *gin.Context) {
		run, err := s.Control.Check(c.Request.Context(), c.Param("rack"))
		s.begun(c, run, "state=changed", err)
	})
	r.POST("/racks/:rack/apply", func(c *gin.Context) {
		run, err := s.Control.Apply(c.Request.Context(), c.Param("rack"), inventory.ApplyRequest{PlanHash: c.PostForm("plan")})
		s.begun(c, run, "", err)
	})
	r.POST("/racks/:rack/rotate", func(c *gin.Context) {
		run, err := s.Control.Rotate(c.Request.Context(), c.Param("rack"), inventory.RotateRequest{Confirm: c.PostForm("name")})
		s.begun(c, run, "", err)
	})
	r.GET("/racks/:rack/nodes/:node/reinstall", func(c *gin.Context) { s.reinstallPage(c, http.StatusOK, page.ReinstallData{}, "") })
	r.POST("/racks/:rack/nodes/:node/reinstall", func(c *gin.Context) { s.reinstallAction(c, nil) })
	r.GET("/racks/:rack/nodes/:node/release", func(c *gin.Context) {
		o := releaseOptions(c.Query)
		s.reinstallPage(c, http.StatusOK, page.ReinstallData{Release: &o}, "")
	})
	r.POST("/racks/:rack/nodes/:node/release", func(c *gin.Context) {
		o := releaseOptions(c.PostForm)
		s.reinstallAction(c, &o)
	})
}

// releaseOptions reads how a node is to be released from a form's fields.
func releaseOptions(field func(string) string) inventory.ReleaseOptions {
	return inventory.ReleaseOptions{Remove: field("after") == "gone", Full: field("wipe") == "full", Dead: field("wipe") == "none"}
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

// reinstallPage draws what a reinstall or release of a node would do; d has what was
// typed, and what was wrong with it.
func (s *server) reinstallPage(c *gin.Context, status int, d page.ReinstallData, problem string) {
	name, node := c.Param("rack"), c.Param("node")
	title, last := page.Text{EN: "Reinstall " + node, JA: node + " の再インストール"}, "reinstall"
	if d.Release != nil {
		title, last = page.Text{EN: "Release " + node, JA: node + " の解放"}, "release"
	}
	f, err := s.frame(c, "rack", name, title)
	f.Problem = problem
	f.URL = rackPath(name) + "/nodes/" + url.PathEscape(node) + "/" + last + string(page.ReleaseQuery(d.Release))
	switch {
	case err != nil:
	case c.Request.Method == http.MethodGet:
		err = s.lookReinstall(c.Request.Context(), name, node, &d)
	default: // what was confirmed did not hold: only what holds now helps
		d.Preview, err = s.changePreview(c.Request.Context(), name, node, d.Release)
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	d.Rack, d.Node = name, node
	s.show(c, status, "reinstall", f, page.Reinstall(d))
}

// changePreview is what a reinstall of a node would do, or its release.
func (s *server) changePreview(ctx context.Context, rack, node string, release *inventory.ReleaseOptions) (inventory.Preview, error) {
	if release != nil {
		return s.Control.ReleasePreview(ctx, rack, node, *release)
	}
	return s.Control.ReinstallPreview(ctx, rack, node)
}

// lookReinstall fills in what a reinstall or release would do as far as it is known: a cloud
// may take a minute to say what runs on a node.
func (s *server) lookReinstall(ctx context.Context, name, node string, d *page.ReinstallData) error {
	patience, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	key := "reinstall/" + name + "/" + node + string(page.ReleaseQuery(d.Release))
	a := lookAt(s.looks, patience, key, hostedAge, func(ctx context.Context) (inventory.Preview, error) {
		return s.changePreview(ctx, name, node, d.Release)
	})
	d.Preview, d.Asked = a.Value, page.AskedOf(a, time.Now())
	switch {
	case a.Code == inventory.Conflict:
		// A run that begins is no error of who just looks: the page says so, and is
		// drawn anew when it has ended.
		d.Why = a.Err
		s.looks.forget(key)
	case a.Err != "":
		s.looks.forget(key)
		return inventory.Errorf(a.Code, "%s", a.Err)
	}
	return nil
}

// reinstallAction starts what was shown, if it still holds and the node's name was
// typed.
func (s *server) reinstallAction(c *gin.Context, release *inventory.ReleaseOptions) {
	name, node := c.Param("rack"), c.Param("node")
	d := page.ReinstallData{Release: release, Typed: c.PostForm("name"), Shown: c.PostForm("hash")}
	if d.Wrong = d.Typed != node; d.Wrong {
		s.reinstallPage(c, http.StatusUnprocessableEntity, d, "")
		return
	}
	var run inventory.Run
	var err error
	if release != nil {
		run, err = s.Control.Release(c.Request.Context(), name, node, inventory.ReleaseRequest{ReleaseOptions: *release, PreviewHash: d.Shown, Confirm: d.Typed})
	} else {
		run, err = s.Control.Reinstall(c.Request.Context(), name, node, inventory.ReinstallRequest{PreviewHash: d.Shown, Confirm: d.Typed})
	}
	if err != nil {
		s.reinstallPage(c, errorOf(err).status, d, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, runPath(name, run.ID))
}
