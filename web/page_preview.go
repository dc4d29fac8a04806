package web

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/page"
)

// previewsKept is how many previews are remembered, to say what has changed
// since one of them was shown.
const previewsKept = 32

// shown remembers the previews that were shown last, by their hash.
type shown struct {
	mu   sync.Mutex
	last []inventory.Preview // the oldest first
}

func (s *shown) keep(p inventory.Preview) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.last {
		if k.Hash == p.Hash {
			return
		}
	}
	s.last = append(s.last, p)
	if len(s.last) > previewsKept {
		s.last = s.last[1:]
	}
}

func (s *shown) find(rack, hash string) (inventory.Preview, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.last {
		if p.Hash == hash && p.Rack == rack {
			return p, true
		}
	}
	return inventory.Preview{}, false
}

func (s *server) previewPages(r *gin.Engine) {
	r.GET("/racks/:rack/preview", func(c *gin.Context) { s.previewPage(c, http.StatusOK, page.PreviewData{}, "") })
	r.POST("/racks/:rack/install", s.installAction)
	r.POST("/racks/:rack/inspect", s.inspectAction)
}

// previewPage draws what an install would do; d has what was typed, and what was
// wrong with it. Its Preview is made here where it is missing.
func (s *server) previewPage(c *gin.Context, status int, d page.PreviewData, problem string) {
	name := c.Param("rack")
	f, err := s.frame(c, "rack", name, page.Text{EN: "Install rack " + name, JA: "ラック " + name + " のインストール"})
	if err == nil {
		f.Problem = problem
		f.URL = rackPath(name) + "/preview"
		var l look
		l, err = s.looked(c, name)
		d.Rack = l.rack
	}
	if err == nil && d.Preview.Hash == "" {
		d.Preview, err = s.Control.Preview(c.Request.Context(), name)
	}
	if err == nil {
		d.Run, err = s.latestInstall(c, d.Rack.ID)
	}
	if err != nil {
		s.problem(c, f, err)
		return
	}
	s.previews.keep(d.Preview)
	s.show(c, status, "preview", f, page.Preview(d))
}

func rackPath(name string) string { return "/racks/" + url.PathEscape(name) }

func runPath(rack string, id uint) string {
	return rackPath(rack) + "/runs/" + strconv.FormatUint(uint64(id), 10)
}

// latestInstall is the number of a rack's latest install, 0 before the first.
func (s *server) latestInstall(c *gin.Context, rackID uint) (uint, error) {
	runs, err := s.Runs.Runs(c.Request.Context(), rackID)
	var last uint
	for _, r := range runs {
		if r.Kind == inventory.RunInstall {
			last = r.ID
		}
	}
	return last, err
}

// installAction starts what a preview showed, if it still holds, if the rack's
// name was typed, and if what is lost was consented to.
func (s *server) installAction(c *gin.Context) {
	name, hash := c.Param("rack"), c.PostForm("hash")
	p, err := s.Control.Preview(c.Request.Context(), name)
	if err != nil {
		s.previewPage(c, errorOf(err).status, page.PreviewData{}, err.Error())
		return
	}
	d := page.PreviewData{Preview: p, Typed: c.PostForm("name"), Erase: c.PostForm("erase") == "yes"}
	consent := page.ConsentOf(p)
	switch {
	case p.Action == inventory.ActionRunning:
		s.previewPage(c, http.StatusConflict, page.PreviewData{Preview: p}, "nothing was started: a run of "+name+" is under way")
	case hash != p.Hash:
		s.previewPage(c, http.StatusConflict, page.PreviewData{Preview: p, Changes: s.changes(name, hash, p)}, "")
	case d.Typed != name:
		d.Wrong = true
		s.previewPage(c, http.StatusUnprocessableEntity, d, "")
	case consent.Must() && !d.Erase:
		d.Unasked = true
		s.previewPage(c, http.StatusUnprocessableEntity, d, "")
	case page.Preview(d).Stops:
		s.previewPage(c, http.StatusUnprocessableEntity, d, "nothing was started: a warning says that the install would fail; put that right first")
	default:
		s.install(c, d)
	}
}

func (s *server) install(c *gin.Context, d page.PreviewData) {
	name := d.Preview.Rack
	run, err := s.Installer.Install(c.Request.Context(), name, inventory.InstallRequest{PreviewHash: d.Preview.Hash, Erase: d.Erase, Confirm: d.Typed})
	switch {
	case inventory.CodeOf(err) == inventory.Conflict: // it changed in this very moment
		now, again := s.Control.Preview(c.Request.Context(), name)
		if again != nil {
			s.previewPage(c, http.StatusConflict, page.PreviewData{}, err.Error())
			return
		}
		s.previews.keep(d.Preview)
		out := page.PreviewData{Preview: now}
		if now.Hash != d.Preview.Hash {
			out.Changes = s.changes(name, d.Preview.Hash, now)
		}
		s.previewPage(c, http.StatusConflict, out, err.Error())
	case err != nil:
		s.previewPage(c, errorOf(err).status, d, err.Error())
	default:
		c.Redirect(http.StatusSeeOther, runPath(name, run.ID))
	}
}

// changes says what is no longer as the preview with a hash showed it.
func (s *server) changes(rack, hash string, now inventory.Preview) []page.Text {
	old, ok := s.previews.find(rack, hash)
	if !ok {
		return []page.Text{{EN: "a disk or the plan is no longer as it was shown; what exactly is not known any more, since the appliance was started anew or many previews were looked at",
			JA: "ディスクまたは計画が表示時と異なります。アプライアンスの再起動などにより、変更箇所の詳細は残っていません"}}
	}
	return page.PreviewChanges(old, now)
}

// inspectAction has the hardware of the chosen nodes looked at, of all that are
// not installed where none is chosen.
func (s *server) inspectAction(c *gin.Context) {
	name := c.Param("rack")
	in, err := s.Control.Inspect(c.Request.Context(), name, c.PostFormArray("node"))
	switch {
	case err != nil:
		s.previewPage(c, errorOf(err).status, page.PreviewData{}, err.Error())
	case in.Run != nil && len(in.Waiting) == 0 && len(in.Left) == 0:
		c.Redirect(http.StatusSeeOther, runPath(name, in.Run.ID))
	default:
		s.previewPage(c, http.StatusOK, page.PreviewData{Inspected: &in}, "")
	}
}
