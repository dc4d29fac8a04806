package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"sandai/web/auth"
)

func init() { newPasswords = auth.NewCheapPasswords }

// Routes lists what NewAPI's handler routes, as "METHOD /path".
func Routes(h http.Handler) (out []string) {
	for _, r := range h.(*gin.Engine).Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}

// HasSummary reports whether a page's route has words for the audit log.
func HasSummary(route string) bool { return rules[route].summary != "" }
