package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// Guide tells what the install guide says of a step: its title, why it exists and
// what it follows, in a language ("en", "ja"). What it does not know is empty.
type Guide interface {
	StepText(key, lang string) (title, why, source string)
}

func (s *server) runPages(r *gin.Engine) {
	r.GET("/racks/:rack/runs", s.runsPage)
	r.GET("/racks/:rack/runs/:id", func(c *gin.Context) { s.runPage(c, http.StatusOK, "") })
	r.GET("/racks/:rack/cloud", s.summaryPage)
	r.POST("/racks/:rack/stop", s.stopAction)
	r.POST("/racks/:rack/keep-going", s.keepGoingAction)
	r.POST("/racks/:rack/runs/:id/retry", s.retryAction)
	r.POST("/racks/:rack/runs/:id/skip", s.skipAction)
}

func (s *server) runsPage(c *gin.Context) {
	name := c.Param("rack")
	f, err := s.frame(c, "runs", name, page.Text{EN: "Runs", JA: "実行"})
	if err != nil {
		s.problem(c, f, err)
		return
	}
	l, err := s.looked(c, name)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	runs, err := s.Runs.Runs(c, l.rack.ID)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	slices.Reverse(runs)
	s.show(c, http.StatusOK, "runs", f, page.RunsView{Rack: name, Runs: runs, Now: time.Now()})
}

// runPage draws a run; problem is what just went wrong, "" for nothing.
func (s *server) runPage(c *gin.Context, status int, problem string) {
	name, id := c.Param("rack"), c.Param("id")
	f, err := s.frame(c, "runs", name, page.Text{EN: "Run " + id, JA: "実行 " + id})
	if err != nil {
		s.problem(c, f, err)
		return
	}
	d, err := s.runData(c, name, f.Lang)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Problem = problem
	if d.Step != nil && c.Request.Method != http.MethodGet {
		f.URL = runURL(name, d.Run.ID, d.Step.Key)
	}
	s.show(c, status, "run", f, page.RunPage(d))
}

func runURL(rack string, id uint, step string) string {
	u := url.URL{Path: "/racks/" + rack + "/runs/" + strconv.FormatUint(uint64(id), 10)}
	if step != "" {
		u.RawQuery = url.Values{"step": {step}}.Encode()
	}
	return u.String()
}

// runOf finds the run that the path names, which is one of the rack's.
func (s *server) runOf(c *gin.Context, rack inventory.Rack) (inventory.Run, error) {
	id, err := strconv.ParseUint(c.Param("id"), 10, 32)
	if err != nil {
		return inventory.Run{}, inventory.Errorf(inventory.NotFound, "a run has a number, which %q is not", c.Param("id"))
	}
	run, err := s.Runs.Run(c, uint(id))
	if err == nil && run.RackID != rack.ID {
		err = inventory.Errorf(inventory.NotFound, "run %d is not of rack %s", id, rack.Name)
	}
	return run, err
}

func (s *server) runData(c *gin.Context, name string, lang page.Lang) (page.RunData, error) {
	d := page.RunData{Node: c.Query("node"), State: c.Query("state"), Filter: c.Query("q"), Now: time.Now()}
	l, err := s.looked(c, name)
	if err != nil {
		return d, err
	}
	d.Rack = l.rack
	if d.Run, err = s.runOf(c, l.rack); err != nil {
		return d, err
	}
	if d.Steps, err = s.Runs.Steps(c, d.Run.ID); err != nil {
		return d, err
	}
	if d.Expected, err = s.expected(c, d.Rack.ID, d.Run.ID); err != nil {
		return d, err
	}
	key := value(c, "step")
	if key == "" {
		return d, nil
	}
	step, err := s.Runs.Step(c, d.Run.ID, key)
	if err != nil {
		return d, err
	}
	d.Step = &step
	if s.Guide != nil {
		title, why, source := s.Guide.StepText(key, string(lang))
		d.Guide = page.StepText{Title: page.Both(title), Why: page.Both(why), Source: page.Both(source)}
	}
	return d, nil
}

func (s *server) stopAction(c *gin.Context) {
	s.steer(c, func() (inventory.Run, error) { return s.Control.StopAfter(c, c.Param("rack"), c.PostForm("reason")) })
}

func (s *server) keepGoingAction(c *gin.Context) {
	s.steer(c, func() (inventory.Run, error) { return s.Control.KeepGoing(c, c.Param("rack")) })
}

// steer does something to the rack's latest run and leads to it.
func (s *server) steer(c *gin.Context, do func() (inventory.Run, error)) {
	run, err := do()
	if err != nil {
		s.rackPage(c, errorOf(err).status, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, runURL(c.Param("rack"), run.ID, ""))
}

func (s *server) retryAction(c *gin.Context) {
	s.steerStep(c, func(run uint, key string) (inventory.Run, error) { return s.Control.RetryStep(c, run, key) })
}

func (s *server) skipAction(c *gin.Context) {
	s.steerStep(c, func(run uint, key string) (inventory.Run, error) {
		return s.Control.SkipStep(c, run, key, c.PostForm("reason"))
	})
}

func (s *server) steerStep(c *gin.Context, do func(run uint, key string) (inventory.Run, error)) {
	rack, err := s.Racks.Rack(c, c.Param("rack"))
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	run, err := s.runOf(c, rack)
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	if _, err := do(run.ID, c.PostForm("step")); err != nil {
		s.runPage(c, errorOf(err).status, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, runURL(rack.Name, run.ID, c.PostForm("step")))
}
