package lab

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// applianceAPI is where the appliance serves its page inside the namespace.
const applianceAPI = "127.0.0.1:8080"

// listen takes 127.0.0.1:8080 on the host or the next free port.
func listen() (*net.TCPListener, error) {
	for port := 8080; port < 8180; port++ {
		l, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return l.(*net.TCPListener), nil
		}
	}
	return nil, fmt.Errorf("no port from 8080 to 8179 is free on 127.0.0.1; end what holds them")
}

// startForwarder starts the helper that carries connections into the rack's
// namespace, and returns its process and URL. It serves the listener from its
// first moment, so there is nothing to wait for.
func startForwarder(s *state, log string) (Process, string, error) {
	l, err := listen()
	if err != nil {
		return Process{}, "", err
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return Process{}, "", err
	}
	defer f.Close()
	c := exec.Command(s.Helper[0], append(s.Helper[1:len(s.Helper):len(s.Helper)], "forward", "--namespace", string(s.namespace()))...)
	c.ExtraFiles = []*os.File{f}
	c.Dir = "/"
	p, err := detach(c, log)
	return p, "https://" + l.Addr().String(), err
}

// Forward serves the listening socket that it was given as file descriptor 3:
// each connection's bytes go to the appliance's API inside the namespace, which
// speaks TLS: nothing is looked into. Without an appliance there, the connection
// ends before TLS has begun. It returns when ctx is done.
func Forward(ctx context.Context, ns string, log *slog.Logger) error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return fmt.Errorf("file descriptor 3 is no listening socket (lab up starts the forwarder, a person does not): %w", err)
	}
	syscall.CloseOnExec(3)
	go func() {
		<-ctx.Done()
		l.Close()
	}()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept a connection: %w", err)
		}
		go func() {
			if err := forward(ctx, c, namespace(ns)); err != nil {
				log.Debug("connection", "from", c.RemoteAddr(), "error", err)
			}
		}()
	}
}

func forward(ctx context.Context, c net.Conn, ns namespace) error {
	defer c.Close()
	dialCtx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	to, err := ns.dial(dialCtx, "tcp4", applianceAPI)
	if err != nil {
		return refuse(c, ns, err)
	}
	defer to.Close()
	done := make(chan error, 2)
	pipe := func(dst, src net.Conn) {
		_, err := io.Copy(dst, src)
		// The other direction may go on: only this half is over.
		_ = dst.(*net.TCPConn).CloseWrite()
		done <- err
	}
	go pipe(to, c)
	go pipe(c, to)
	err = <-done
	if err == nil {
		err = <-done
	}
	return err
}

// tlsHandshake is the first byte of who speaks TLS (RFC 8446 §5.1).
const tlsHandshake = 0x16

// refuse ends a connection because nobody answers. A client that speaks TLS sees
// that there is no answer; one that does not is told why.
func refuse(c net.Conn, ns namespace, why error) error {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	text := fmt.Sprintf("No appliance answers in the rack's namespace %s (%v). Start one there: appliance lab exec -- appliance serve\n", ns, why)
	// Reading the request first keeps the kernel from resetting the connection
	// before the client has the answer.
	buf := make([]byte, 64<<10)
	if n, err := c.Read(buf); err != nil || n > 0 && buf[0] == tlsHandshake {
		return err
	}
	r := http.Response{StatusCode: http.StatusBadGateway, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(text)), Close: true,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Body: io.NopCloser(strings.NewReader(text))}
	return r.Write(c)
}
