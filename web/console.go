package web

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
)

// ConsoleProtocol is what a client of the console upgrades to (RFC 9110 §7.8):
// after 101 the connection carries the serial line's bytes both ways.
const ConsoleProtocol = "sandai-console"

// console serves a node's serial console at POST /api/v1/nodes/NAME/console.
func (s *server) console(r *gin.Engine) {
	r.POST("/api/v1/nodes/:name/console", func(c *gin.Context) {
		if c.GetHeader("Upgrade") != ConsoleProtocol {
			fail(c, inventory.Errorf(inventory.Invalid, "the console wants the header Upgrade: %s; use appliance node console", ConsoleProtocol))
			return
		}
		rack, err := s.rackOf(c, c.Query("rack"), c.Param("name"))
		if err != nil {
			fail(c, err)
			return
		}
		line, err := s.Power.Console(c.Request.Context(), rack, c.Param("name"))
		if err != nil {
			fail(c, err)
			return
		}
		defer line.Close()
		carry(c.Writer, line)
	})
}

// carry joins the client's connection and the line until either ends.
func carry(w http.ResponseWriter, line io.ReadWriteCloser) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		writeError(w, inventory.Errorf(inventory.Internal, "take over the connection: %w", err))
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+ConsoleProtocol+"\r\n\r\n"); err != nil {
		return
	}
	ended := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(line, rw.Reader) // either end may hang up at any time
		ended <- struct{}{}
	}()
	go func() {
		_, _ = io.Copy(conn, line)
		ended <- struct{}{}
	}()
	<-ended
}
