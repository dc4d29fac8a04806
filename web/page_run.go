package web

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// Guide tells what the install guide says of a step, by its key. What it does
// not know is empty.
type Guide interface {
	StepText(key string) inventory.StepText
}

func (s *server) runPages(r *gin.Engine) {
	r.GET("/racks/:rack/runs", s.runsPage)
	r.GET("/racks/:rack/runs/:id", func(c *gin.Context) { s.runPage(c, http.StatusOK, "") })
	r.GET("/racks/:rack/runs/:id/report.json", s.reportFile)
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
	runs, err := s.Runs.Runs(c.Request.Context(), l.rack.ID)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	counts, err := s.Runs.CountSteps(c.Request.Context(), l.rack.ID)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	s.show(c, http.StatusOK, "runs", f, page.RunsPage(page.RunsData{Rack: name, Runs: runs, Counts: counts, Now: time.Now()}))
}

// runPage draws a run; problem is what just went wrong, "" for nothing.
func (s *server) runPage(c *gin.Context, status int, problem string) {
	name, id := c.Param("rack"), c.Param("id")
	f, err := s.frame(c, "runs", name, page.Text{EN: "Run " + id, JA: "実行 " + id})
	if err != nil {
		s.problem(c, f, err)
		return
	}
	d, err := s.runData(c, name)
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Problem = problem
	if c.Request.Method != http.MethodGet {
		d.Why = c.PostForm("reason")
		f.URL = runURL(name, d.Run.ID, d.Asked.Step)
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
	run, err := s.Runs.Run(c.Request.Context(), uint(id))
	if err == nil && run.RackID != rack.ID {
		err = inventory.Errorf(inventory.NotFound, "run %d is not of rack %s", id, rack.Name)
	}
	return run, err
}

func (s *server) runData(c *gin.Context, name string) (page.RunData, error) {
	zoom, _ := strconv.Atoi(c.Query("zoom")) // what is no number is no zoom
	d := page.RunData{Steer: s.Control != nil, Now: time.Now(), Asked: page.RunQuery{Step: value(c, "step"), Node: c.Query("node"),
		Group: c.Query("group"), State: c.Query("state"), Text: c.Query("q"), Zoom: zoom}}
	if s.Guide != nil {
		d.Texts = s.Guide.StepText
	}
	l, err := s.looked(c, name)
	if err != nil {
		return d, err
	}
	d.Rack = l.rack
	if d.Run, err = s.runOf(c, l.rack); err != nil {
		return d, err
	}
	d.Latest = l.progress != nil && l.progress.Run.ID == d.Run.ID
	if d.Latest { // the frame shows the same moment
		d.Run, d.Steps = l.progress.Run, l.steps
	} else if d.Steps, err = s.Runs.Steps(c.Request.Context(), d.Run.ID); err != nil {
		return d, err
	}
	if d.Expected, err = s.expected(c.Request.Context(), d.Run.RackID, d.Run.ID); err != nil {
		return d, err
	}
	key := d.Asked.Step
	if key == "" {
		if key = page.InHand(d.Run, d.Steps); key == "" {
			return d, nil
		}
	}
	i := slices.IndexFunc(d.Steps, func(s inventory.Step) bool { return s.Key == key })
	if i < 0 {
		return d, inventory.Errorf(inventory.NotFound, "run %d has no step %q: see its list of steps", d.Run.ID, key)
	}
	d.Step = &d.Steps[i]
	return d, nil
}

// reportFile gives a run's report to be kept.
func (s *server) reportFile(c *gin.Context) {
	rack, err := s.Racks.Rack(c.Request.Context(), c.Param("rack"))
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	run, err := s.runOf(c, rack)
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	report, err := s.Installer.RunReport(c.Request.Context(), run.ID)
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	c.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "report-" + rack.Name + "-" + c.Param("id") + ".json"}))
	c.IndentedJSON(http.StatusOK, report)
}

func (s *server) stopAction(c *gin.Context) {
	s.steer(c, func() (inventory.Run, error) {
		return s.Control.StopAfter(c.Request.Context(), c.Param("rack"), c.PostForm("reason"))
	})
}

func (s *server) keepGoingAction(c *gin.Context) {
	s.steer(c, func() (inventory.Run, error) { return s.Control.KeepGoing(c.Request.Context(), c.Param("rack")) })
}

// noControl is the error where the appliance was made without a Control.
var noControl = inventory.Errorf(inventory.Unavailable, "this appliance cannot steer runs")

// steer does something to the rack's latest run and leads to it.
func (s *server) steer(c *gin.Context, do func() (inventory.Run, error)) {
	run, err := inventory.Run{}, error(noControl)
	if s.Control != nil {
		run, err = do()
	}
	if err != nil {
		s.rackPage(c, errorOf(err).status, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, runURL(c.Param("rack"), run.ID, ""))
}

func (s *server) retryAction(c *gin.Context) {
	s.steerStep(c, func(run uint, key string) (inventory.Run, error) {
		return s.Control.RetryStep(c.Request.Context(), run, key)
	})
}

func (s *server) skipAction(c *gin.Context) {
	s.steerStep(c, func(run uint, key string) (inventory.Run, error) {
		return s.Control.SkipStep(c.Request.Context(), run, key, c.PostForm("reason"))
	})
}

func (s *server) steerStep(c *gin.Context, do func(run uint, key string) (inventory.Run, error)) {
	rack, err := s.Racks.Rack(c.Request.Context(), c.Param("rack"))
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	run, err := s.runOf(c, rack)
	if err != nil {
		s.problem(c, page.Frame{}, err)
		return
	}
	err = error(noControl)
	if s.Control != nil {
		_, err = do(run.ID, c.PostForm("step"))
	}
	if err != nil {
		s.runPage(c, errorOf(err).status, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, runURL(rack.Name, run.ID, c.PostForm("step")))
}
