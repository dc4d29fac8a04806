package web

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/auth"
)

// AuditLog keeps every request that would change something.
type AuditLog interface {
	// AppendAudit sets the entry's ID.
	AppendAudit(ctx context.Context, e *inventory.AuditEntry) error
	// FinishAudit adds Status, and Who and Via where they were empty.
	FinishAudit(ctx context.Context, e inventory.AuditEntry) error
	// Audit lists the newest first; who nil is everybody, before 0 the newest.
	Audit(ctx context.Context, who *string, before uint, limit int) ([]inventory.AuditEntry, error)
}

// audited carries a request out, or refuses it for a reason, and writes it into
// the audit log: first that it was asked for, so that nothing is done which is
// not written, then how it ended. Bodies and queries are never written.
func (g *gate) audited(c *gin.Context, rule rule, who Who, refusal error) {
	if who.Name == "" {
		if ok, wait := g.strangers.Allow(auth.AddressKey(c.RemoteIP()), time.Now()); !ok {
			// Not written: anybody on the network could fill the disk.
			g.turnAway(c, tooMany(c, wait))
			return
		}
	}
	e := &inventory.AuditEntry{Time: time.Now().UTC(), Who: who.Name, Via: who.Via, Method: c.Request.Method,
		Path: clip(c.Request.URL.Path, 300), Summary: rule.summary, Address: c.RemoteIP()}
	if refusal != nil {
		e.Status = errorOf(refusal).status
	}
	// A client that goes away does not get around being written down.
	ctx := context.WithoutCancel(c.Request.Context())
	if err := g.access.AppendAudit(ctx, e); err != nil {
		g.turnAway(c, err)
		return
	}
	if refusal != nil {
		g.turnAway(c, refusal)
		return
	}
	w := &auditWriter{ResponseWriter: c.Writer}
	c.Writer = w
	c.Set(auditKey, e)
	e.Status = http.StatusInternalServerError // what a panic is answered with
	defer func() { _ = g.access.FinishAudit(ctx, *e) }()
	c.Next()
	if e.Status = w.Status(); w.hijacked && e.Status == http.StatusOK {
		e.Status = http.StatusSwitchingProtocols
	}
}

const auditKey = "audit"

// auditAs tells the audit log who it was, where that was not known before.
func auditAs(c *gin.Context, name, via string) {
	if e, ok := c.Value(auditKey).(*inventory.AuditEntry); ok && e.Who == "" {
		e.Who, e.Via = name, via
	}
}

// auditWriter notices when a handler takes the connection over.
type auditWriter struct {
	gin.ResponseWriter
	hijacked bool
}

// Hijack implements http.Hijacker.
func (w *auditWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := w.ResponseWriter.Hijack()
	w.hijacked = err == nil
	return conn, rw, err
}

// Unwrap lets a handler reach what is beneath (http.ResponseController).
func (w *auditWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

func (s *server) auditRoutes(api huma.API) {
	type auditPage struct {
		Who    string `query:"who" doc:"a user's name; - for nobody, as at failed sign-ins"`
		Before uint   `query:"before" doc:"the entries before this ID: the last of the page before"`
		Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"500"`
	}
	op := wants(inventory.Admin, get("audit", "/audit", "List who changed or tried to change what, newest first"))
	huma.Register(api, op, func(ctx context.Context, in *auditPage) (*answer[[]inventory.AuditEntry], error) {
		var who *string
		switch in.Who {
		case "":
		case "-":
			who = new(string)
		default:
			who = &in.Who
		}
		list, err := s.Access.Audit(ctx, who, in.Before, in.Limit)
		if list == nil {
			list = []inventory.AuditEntry{}
		}
		return reply(list, err)
	})
}
