package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
)

// Error is the body of every answer that is not a success.
type Error struct {
	status int
	Code   inventory.Code `json:"code"`
	Text   string         `json:"text" doc:"what happened, why, what to do next"`
}

func (e *Error) Error() string { return e.Text }

// GetStatus returns the HTTP status; huma asks for it.
func (e *Error) GetStatus() int { return e.status }

// statusOf maps the codes of inventory to HTTP (RFC 9110 §15), once.
var statusOf = map[inventory.Code]int{
	inventory.NotFound:     http.StatusNotFound,
	inventory.Conflict:     http.StatusConflict,
	inventory.Invalid:      http.StatusUnprocessableEntity,
	inventory.Unauthorised: http.StatusUnauthorized,
	inventory.Forbidden:    http.StatusForbidden,
	inventory.TooMany:      http.StatusTooManyRequests,
	inventory.Unavailable:  http.StatusServiceUnavailable,
	inventory.Internal:     http.StatusInternalServerError,
}

func errorOf(err error) *Error {
	code := inventory.CodeOf(err)
	status, ok := statusOf[code]
	if !ok {
		status = http.StatusInternalServerError
	}
	var big *http.MaxBytesError
	if errors.As(err, &big) {
		status = http.StatusRequestEntityTooLarge
	}
	return &Error{status, code, err.Error()}
}

// huma makes an error where a request does not fit its description, and wraps
// what a handler returns; both become an Error.
func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		var known *inventory.Error
		texts := []string{msg}
		if status == http.StatusInternalServerError && len(errs) > 0 {
			texts = nil // huma says only that it was unexpected
		}
		for _, err := range errs {
			if errors.As(err, &known) {
				return errorOf(err)
			}
			var detail *huma.ErrorDetail
			switch {
			case errors.As(err, &detail):
				// Without the value, as huma would say it: it may be a password.
				texts = append(texts, strings.TrimSpace(detail.Message+" "+detail.Location))
			case err != nil:
				texts = append(texts, err.Error())
			}
		}
		code := inventory.Internal
		switch {
		case status == http.StatusNotFound:
			code = inventory.NotFound
		case status >= 400 && status < 500:
			code = inventory.Invalid
		}
		return &Error{status, code, strings.Join(texts, ": ")}
	}
}

// fail answers outside of huma.
func fail(c *gin.Context, err error) {
	_ = c.Error(err) // for who logs
	c.Abort()
	writeError(c.Writer, err)
}

func writeError(w http.ResponseWriter, err error) {
	e := errorOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(e) // a client that went away cannot be told
}
