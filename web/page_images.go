package web

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/web/page"
)

func (s *server) imagePages(r *gin.Engine) {
	r.GET("/images", func(c *gin.Context) { s.imagesPage(c, http.StatusOK, "") })
	r.POST("/images/build", func(c *gin.Context) {
		names := c.PostFormArray("name")
		if c.PostForm("what") == "all" {
			names = nil
		} else if len(names) == 0 {
			s.imagesPage(c, http.StatusUnprocessableEntity, "nothing is built: tick the images to build, or build all that changed")
			return
		}
		s.imageAction(c, s.Images.Build(c.Request.Context(), names))
	})
	r.POST("/images/stop", func(c *gin.Context) { s.imageAction(c, s.Images.StopBuild(c.Request.Context())) })
}

func (s *server) imageAction(c *gin.Context, err error) {
	if err != nil {
		s.imagesPage(c, errorOf(err).status, err.Error())
		return
	}
	c.Redirect(http.StatusSeeOther, "/images")
}

func (s *server) imagesPage(c *gin.Context, status int, problem string) {
	f, err := s.frame(c, "images", "", page.Text{EN: "Images", JA: "イメージ"})
	f.URL = "/images"
	d := page.ImagesData{Names: s.Images.ImageNames(), Build: s.Images.LatestBuild(c.Request.Context()), Now: time.Now()}
	if err == nil {
		d.Images, err = s.Images.Images(c.Request.Context())
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	f.Problem = problem
	s.show(c, status, "images", f, page.ImagesPage(d))
}
