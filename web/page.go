package web

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
)

//go:embed page
var pageFiles embed.FS

var pageTemplate = template.Must(template.New("rack.html").Funcs(template.FuncMap{
	"glyph": StepGlyph, "span": Span,
}).ParseFS(pageFiles, "page/rack.html"))

func (s *server) pages(r *gin.Engine) {
	r.GET("/", func(c *gin.Context) {
		v, err := s.page(c.Request.Context(), c.Query("rack"))
		status := http.StatusOK
		if err != nil {
			status = errorOf(err).status
			v.Refresh, v.Problem = 5, err.Error()
		}
		var b bytes.Buffer
		if err := pageTemplate.Execute(&b, v); err != nil {
			fail(c, inventory.Errorf(inventory.Internal, "draw the page: %w", err))
			return
		}
		c.Data(status, "text/html; charset=utf-8", b.Bytes())
	})
	r.GET("/page.css", func(c *gin.Context) {
		c.FileFromFS("page/page.css", http.FS(pageFiles))
	})
}

func (s *server) page(ctx context.Context, name string) (view, error) {
	racks, err := s.Racks.Racks(ctx)
	if err != nil || len(racks) == 0 {
		return view{Refresh: 5}, err
	}
	var names []string
	for _, r := range racks {
		names = append(names, r.Name)
	}
	if name == "" {
		name = names[0]
	}
	r, err := s.Racks.Rack(ctx, name)
	if err != nil {
		return view{Racks: names}, err
	}
	p, err := s.rackProgress(ctx, name)
	if inventory.CodeOf(err) == inventory.NotFound && err != nil {
		return pageView(names, r, nil, nil, time.Now()), nil
	}
	if err != nil {
		return view{Racks: names}, err
	}
	rep, err := s.Installer.Report(ctx, name)
	if err != nil {
		return view{Racks: names}, err
	}
	return pageView(names, r, &p, &rep, time.Now()), nil
}
