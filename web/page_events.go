package web

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// eventsOnPage is how many events one page shows.
const eventsOnPage = 100

func (s *server) eventPages(r *gin.Engine) { r.GET("/events", s.eventsPage) }

func (s *server) eventsPage(c *gin.Context) {
	f, err := s.frame(c, "events", "", page.Text{EN: "Events", JA: "イベント"})
	var d page.EventsData
	if err == nil {
		d, err = s.eventsData(c)
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Search = d.Query.Text
	s.show(c, http.StatusOK, "events", f, page.EventsPage(d))
}

func (s *server) eventsData(c *gin.Context) (page.EventsData, error) {
	d := page.EventsData{Query: inventory.EventQuery{Text: c.Query("q"), Node: c.Query("node"), Type: inventory.EventType(c.Query("type")), Before: beforeOf(c)}}
	var err error
	if d.Racks, err = s.Racks.Racks(c.Request.Context()); err != nil {
		return d, err
	}
	ask := d.Query
	ask.Limit = eventsOnPage + 1 // one more tells whether there are older ones
	if d.Events, err = s.Events.FindEvents(c.Request.Context(), ask); err != nil {
		return d, err
	}
	if len(d.Events) > eventsOnPage {
		d.Events, d.More = d.Events[:eventsOnPage], true
	}
	d.Runs, err = s.racksOfRuns(c, d.Events)
	return d, err
}

// racksOfRuns finds the racks of the runs that events name.
func (s *server) racksOfRuns(c *gin.Context, events []inventory.Event) (map[uint]string, error) {
	out := map[uint]string{}
	for _, e := range events {
		if e.RunID == nil {
			continue
		}
		if _, ok := out[*e.RunID]; ok {
			continue
		}
		run, err := s.Runs.Run(c.Request.Context(), *e.RunID)
		if err != nil && inventory.CodeOf(err) != inventory.NotFound {
			return nil, err
		}
		out[*e.RunID] = run.Rack // "" where the run is gone
	}
	return out, nil
}

// beforeOf reads the ID that a page of a list goes before, 0 for the newest.
func beforeOf(c *gin.Context) uint {
	n, err := strconv.ParseUint(c.Query("before"), 10, 64)
	if err != nil {
		return 0
	}
	return uint(n)
}
