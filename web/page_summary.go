package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// summaryPage shows an installed rack's cloud: where it is, and how it proved itself.
func (s *server) summaryPage(c *gin.Context) {
	name := c.Param("rack")
	f, err := s.frame(c, "cloud", name, page.Text{EN: "Cloud", JA: "クラウド"})
	if err != nil {
		s.problem(c, f, err)
		return
	}
	var report *inventory.Report
	rep, err := s.Installer.Report(c, name)
	switch {
	case err == nil:
		report = &rep
	case inventory.CodeOf(err) != inventory.NotFound:
		s.problem(c, f, err)
		return
	}
	s.show(c, http.StatusOK, "summary", f, page.SummaryPage(name, report))
}
