package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Source is an HTTP resource that is read once from begin to end. A connection
// that breaks, or that is silent for too long, is made anew with a Range request
// (RFC 9110 §14) at the byte where it broke; it gives up when none of several
// tries in a row brings a byte.
type Source struct {
	URL    string
	Client *http.Client // nil: one without a proxy
	// Silence is how long a connection may bring nothing; 30 s when zero.
	Silence time.Duration
	// Tries without a byte before it gives up; 10 when zero. Pause lies between
	// them and grows; 1 s when zero.
	Tries int
	Pause time.Duration
	// Note is told of each broken connection.
	Note func(err error, at int64)

	ctx    context.Context
	at     int64 // bytes read
	total  int64 // -1: unknown
	body   io.ReadCloser
	cancel context.CancelFunc
	watch  *time.Timer
	failed int
}

// Start prepares reading; ctx ends it at any time.
func (s *Source) Start(ctx context.Context) {
	s.ctx, s.total = ctx, -1
	if s.Client == nil {
		s.Client = &http.Client{Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			ResponseHeaderTimeout: 30 * time.Second,
			ReadBufferSize:        64 << 10,
		}}
	}
	if s.Silence == 0 {
		s.Silence = 30 * time.Second
	}
	if s.Tries == 0 {
		s.Tries = 10
	}
	if s.Pause == 0 {
		s.Pause = time.Second
	}
}

// fatalError is an answer that another try will not better.
type fatalError struct{ error }

// Read reads on, over broken connections.
func (s *Source) Read(p []byte) (int, error) {
	for {
		if s.total >= 0 && s.at == s.total {
			return 0, io.EOF
		}
		n, err := s.once(p)
		s.at += int64(n)
		if n > 0 {
			s.failed = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		s.Close()
		if s.ctx.Err() != nil {
			return 0, context.Cause(s.ctx)
		}
		var fatal fatalError
		if s.failed++; errors.As(err, &fatal) || s.failed >= s.Tries {
			return 0, fmt.Errorf("fetch %s at byte %d: %w", s.URL, s.at, err)
		}
		if s.Note != nil {
			s.Note(err, s.at)
		}
		t := time.NewTimer(s.Pause * time.Duration(s.failed))
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return 0, context.Cause(s.ctx)
		}
	}
}

func (s *Source) once(p []byte) (int, error) {
	if s.body == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
		if s.at == s.total {
			return 0, nil
		}
	}
	s.watch.Reset(s.Silence)
	n, err := s.body.Read(p)
	s.watch.Stop()
	if err == io.EOF && s.total < 0 {
		s.total = s.at + int64(n) // without a length, the end is where it ends
	}
	if n > 0 || err == io.EOF && s.at == s.total {
		return n, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return 0, err
}

func (s *Source) open() error {
	ctx, cancel := context.WithCancel(s.ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		cancel()
		return fatalError{err}
	}
	if s.at > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", s.at))
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		cancel()
		return err
	}
	want := http.StatusOK
	if s.at > 0 {
		want = http.StatusPartialContent
	}
	if resp.StatusCode != want {
		resp.Body.Close()
		cancel()
		err := fmt.Errorf("the server answers %s", resp.Status)
		if resp.StatusCode/100 == 5 {
			return err
		}
		return fatalError{err}
	}
	if resp.ContentLength >= 0 {
		s.total = s.at + resp.ContentLength
	}
	s.body, s.cancel = resp.Body, cancel
	s.watch = time.AfterFunc(s.Silence, cancel)
	return nil
}

// Close ends the connection; reading on opens another.
func (s *Source) Close() error {
	if s.body == nil {
		return nil
	}
	s.watch.Stop()
	s.cancel()
	err := s.body.Close()
	s.body = nil
	return err
}
