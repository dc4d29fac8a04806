package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
)

// Agents answers the agents of one rack; bodies are those of inventory/agent.go.
// Poll blocks until there is work or its hold ends. Enroll's error is
// Unauthorised where the nonce is not the one due.
type Agents interface {
	Enroll(ctx context.Context, req inventory.EnrollRequest) (inventory.EnrollReply, error)
	Poll(ctx context.Context, node string, req inventory.PollRequest) (inventory.PollReply, error)
	Report(ctx context.Context, node string, r inventory.StepReport) error
	Answer(ctx context.Context, node string, a inventory.CallAnswer) error
	// Save keeps what a node hands over before it is reinstalled, Saved gives it
	// back, NotFound where there is none. Unauthorised at any other time.
	Save(ctx context.Context, node, item string, r io.Reader) error
	Saved(ctx context.Context, node, item string) (io.ReadCloser, error)
}

// maxReport bounds a report in bytes: two outputs of 16 KiB, escaped, and the
// hardware of a large server fit many times over. So does the answer to a call,
// MaxCallText of text escaped to six times its size.
const maxReport = 1 << 20

// NewAgent serves the agents' endpoint. Serve it over TLS that verifies client
// certificates if given: the certificate's common name is the node. What goes wrong
// on the appliance's side is logged, since only the agents are told of it.
func NewAgent(a Agents, log *slog.Logger) http.Handler {
	r := gin.New()
	r.Use(gin.Recovery(), func(c *gin.Context) {
		c.Next()
		if c.Writer.Status() >= http.StatusInternalServerError && c.Request.Context().Err() == nil {
			log.Error("an agent was not served; it asks again", "node", certName(c), "path", c.Request.URL.Path, "err", c.Errors.Last())
		}
	})
	r.NoRoute(func(c *gin.Context) {
		fail(c, inventory.Errorf(inventory.NotFound, "there is nothing at %s", c.Request.URL.Path))
	})
	r.POST("/agent/v1/enroll", func(c *gin.Context) {
		handle(c, maxRequest, a.Enroll)
	})
	r.POST("/agent/v1/poll", func(c *gin.Context) {
		if node, ok := nodeOf(c); ok {
			handle(c, maxRequest, func(ctx context.Context, req inventory.PollRequest) (inventory.PollReply, error) {
				return a.Poll(ctx, node, req)
			})
		}
	})
	r.POST("/agent/v1/report", func(c *gin.Context) {
		if node, ok := nodeOf(c); ok {
			handle(c, maxReport, func(ctx context.Context, req inventory.StepReport) (struct{}, error) {
				return struct{}{}, a.Report(ctx, node, req)
			})
		}
	})
	r.POST("/agent/v1/answer", func(c *gin.Context) {
		if node, ok := nodeOf(c); ok {
			handle(c, maxReport, func(ctx context.Context, req inventory.CallAnswer) (struct{}, error) {
				return struct{}{}, a.Answer(ctx, node, req)
			})
		}
	})
	r.PUT("/agent/v1/saved/:item", func(c *gin.Context) {
		if node, ok := nodeOf(c); ok {
			if err := a.Save(c.Request.Context(), node, c.Param("item"), c.Request.Body); err != nil {
				fail(c, err)
				return
			}
			c.JSON(http.StatusOK, struct{}{})
		}
	})
	saved := func(c *gin.Context) {
		node, ok := nodeOf(c)
		if !ok {
			return
		}
		body, err := a.Saved(c.Request.Context(), node, c.Param("item"))
		if err != nil {
			fail(c, err)
			return
		}
		defer body.Close()
		c.Header("Content-Type", "application/octet-stream")
		c.Header("Trailer", inventory.SavedBytes)
		if c.Status(http.StatusOK); c.Request.Method == http.MethodHead {
			return
		}
		if n, err := io.Copy(c.Writer, body); err == nil {
			c.Header(inventory.SavedBytes, strconv.FormatInt(n, 10)) // without it, what came is not all
		}
	}
	r.GET("/agent/v1/saved/:item", saved)
	r.HEAD("/agent/v1/saved/:item", saved)
	return r
}

// certName is the name in the client's certificate, "" where it has none.
func certName(c *gin.Context) string {
	if t := c.Request.TLS; t != nil && len(t.PeerCertificates) > 0 {
		return t.PeerCertificates[0].Subject.CommonName
	}
	return ""
}

// nodeOf returns the node that the client certificate names, or answers 401.
func nodeOf(c *gin.Context) (string, bool) {
	if name := certName(c); name != "" {
		return name, true
	}
	fail(c, inventory.Errorf(inventory.Unauthorised, "a client certificate is needed; enroll first"))
	return "", false
}

func handle[In, Out any](c *gin.Context, limit int64, do func(context.Context, In) (Out, error)) {
	var in In
	if err := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, limit)).Decode(&in); err != nil {
		fail(c, inventory.Errorf(inventory.Invalid, "read the request: %w", err))
		return
	}
	out, err := do(c.Request.Context(), in)
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, out)
}
