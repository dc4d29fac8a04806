package cloud

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// fakeGuest is an ssh server that takes only the key that Nova was given, and
// answers the few commands of the proof from a disk in memory.
type fakeGuest struct {
	f       *fakeCloud
	name    string // what it calls itself
	ln      net.Listener
	refused int // connections still to be refused

	mu      sync.Mutex
	disk    []byte
	corrupt bool
}

func newFakeGuest(t *testing.T, f *fakeCloud, name string) *fakeGuest {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	g := &fakeGuest{f: f, name: name, ln: ln, refused: 2}
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		want := f.get("keypairs", proofKey)
		if m.User() != "root" || want == nil || strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) != want["public_key"] {
			return nil, errors.New("not this key")
		}
		return nil, nil
	}}
	cfg.AddHostKey(host)
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go g.serve(c, cfg)
		}
	}()
	return g
}

// dial leads every address to the guest; at first nobody listens there.
func (g *fakeGuest) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refused > 0 {
		g.refused--
		return nil, fmt.Errorf("dial %s: connection refused", addr)
	}
	var d net.Dialer
	return d.DialContext(ctx, network, g.ln.Addr().String())
}

func (g *fakeGuest) serve(c net.Conn, cfg *ssh.ServerConfig) {
	conn, chans, reqs, err := ssh.NewServerConn(c, cfg)
	if err != nil {
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(reqs)
	for nc := range chans {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range reqs {
				if r.Type != "exec" {
					_ = r.Reply(false, nil)
					continue
				}
				var cmd struct{ Command string }
				_ = ssh.Unmarshal(r.Payload, &cmd)
				_ = r.Reply(true, nil)
				out, status := g.exec(cmd.Command, ch)
				_, _ = io.WriteString(ch, out)
				_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ S uint32 }{status}))
				ch.Close()
				return
			}
		}()
	}
}

func (g *fakeGuest) exec(cmd string, in io.Reader) (string, uint32) {
	switch {
	case cmd == "hostname":
		return g.name + "\n", 0
	case cmd == "uname -a":
		return "Linux guest 6.1.0\n", 0
	case cmd == "ip addr":
		return "2: eth0: 172.16.1.5/24\n", 0
	case cmd == "cat /proc/uptime":
		return "12.50 3.00\n", 0
	case cmd == "cat /proc/partitions":
		out := "major minor  #blocks  name\n\n 254        0    1048576 vda\n"
		g.f.mu.Lock()
		defer g.f.mu.Unlock()
		if len(g.f.attached) > 0 {
			out += " 254       16    1048576 vdb\n"
		}
		return out, 0
	case strings.HasPrefix(cmd, "dd of=/dev/vdb"):
		data, _ := io.ReadAll(in)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.disk = data
		if g.corrupt {
			g.disk[0] ^= 1
		}
		return "", 0
	case strings.HasPrefix(cmd, "dd if=/dev/vdb"):
		g.mu.Lock()
		defer g.mu.Unlock()
		return string(g.disk), 0
	}
	return "", 127
}
