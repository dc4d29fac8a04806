package pxe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pin/tftp/v3"

	"sandai/inventory"
)

// tftpServer serves on a free loopback port; the client there is the test's
// machine.
func tftpServer(t testing.TB, r *rack) string {
	t.Helper()
	s := newServer(t, r, nil)
	s.hosts.put(netip.MustParseAddr("127.0.0.1"), inventory.Machine{MAC: testMAC}, true)
	var err error
	s.tftpConn, err = listenTFTP("127.0.0.1:0")
	try(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.runTFTP(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("TFTP ended with %v", err)
		}
	})
	return s.tftpConn.LocalAddr().String()
}

// fetch gets a file with pin/tftp's client.
func fetch(addr, name string, blksize int, tsize bool) ([]byte, int64, error) {
	c, err := tftp.NewClient(addr)
	if err != nil {
		return nil, 0, err
	}
	c.SetTimeout(5 * time.Second)
	c.RequestTSize(tsize)
	if blksize > 0 {
		c.SetBlockSize(blksize)
	}
	wt, err := c.Receive(name, "octet")
	if err != nil {
		return nil, 0, err
	}
	var size int64 = -1
	if in, ok := wt.(tftp.IncomingTransfer); ok {
		if n, ok := in.Size(); ok {
			size = n
		}
	}
	var b bytes.Buffer
	_, err = wt.WriteTo(&b)
	return b.Bytes(), size, err
}

func TestTFTP(t *testing.T) {
	r := newRack(t)
	bios, uefi := noise(74213), noise(2<<20) // 2 MiB in blocks of 512 bytes: 4096 blocks
	r.add(t, imageUndionly, bios)
	r.add(t, imageIPXE, uefi)
	addr := tftpServer(t, r)
	for _, blksize := range []int{0, 512, 1408, 1428, 1456, 1468, 8192, 65464} {
		for name, want := range map[string][]byte{imageUndionly: bios, "/" + imageIPXE: uefi, imageUndionly + "\xff\xff": bios} {
			t.Run(fmt.Sprintf("%q by %d", name, blksize), func(t *testing.T) {
				got, size, err := fetch(addr, name, blksize, blksize != 512)
				try(t, err)
				if !bytes.Equal(got, want) {
					t.Errorf("got %d bytes of %d", len(got), len(want))
				}
				if blksize != 512 && size != int64(len(want)) {
					t.Errorf("tsize %d, want %d", size, len(want))
				}
			})
		}
	}
	script, _, err := fetch(addr, fileAutoexec, 0, true)
	try(t, err)
	if !strings.Contains(string(script), "boot.ipxe?mac="+testMAC+" ||") {
		t.Errorf("autoexec.ipxe is\n%s", script)
	}
	for _, e := range r.types() {
		if e != inventory.EventLoader {
			t.Errorf("event %s", e)
		}
	}
}

func TestTFTPRefused(t *testing.T) {
	cases := map[string]struct {
		file string
		rack func(*rack)
		want string
	}{
		"unknown":      {file: "pxelinux.0", want: "no such file; there are undionly.kpxe, ipxe.efi and autoexec.ipxe"},
		"traversal":    {file: "../../../etc/passwd", want: "no such file"},
		"absolute":     {file: "/etc/passwd", want: "no such file"},
		"empty":        {file: "", want: "no such file"},
		"a folder":     {file: "undionly.kpxe/../ipxe.efi", want: "no such file"},
		"not built":    {file: imageIPXE, want: "ipxe.efi is not in the store"},
		"silent":       {file: imageUndionly, rack: decided(inventory.BootSilent), want: "gets no boot answer: the test says so"},
		"Decide fails": {file: imageUndionly, rack: func(r *rack) { r.err = errors.New("secret detail") }, want: "could not be decided"},
		"gone": {file: imageUndionly, want: "its file is gone", rack: func(r *rack) {
			if err := os.Remove(r.Path(r.images[imageUndionly].Digest)); err != nil {
				panic(err)
			}
		}},
		"compressed": {file: imageUndionly, want: "firmware cannot read that", rack: func(r *rack) {
			i := r.images[imageUndionly]
			i.Compression = "zstd"
			r.images[imageUndionly] = i
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRack(t)
			r.add(t, imageUndionly, noise(1000))
			if c.rack != nil {
				c.rack(r)
			}
			_, _, err := fetch(tftpServer(t, r), c.file, 0, false)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if d := cmp.Diff([]inventory.EventType{inventory.EventRefused}, r.types()); d != "" {
				t.Errorf("events (-want +got):\n%s", d)
			}
		})
	}
}

// TestTFTPWrite: nothing can be put here.
func TestTFTPWrite(t *testing.T) {
	c, err := tftp.NewClient(tftpServer(t, newRack(t)))
	try(t, err)
	rf, err := c.Send(imageUndionly, "octet")
	if err == nil {
		_, err = rf.ReadFrom(strings.NewReader("x"))
	}
	if err == nil || !strings.Contains(err.Error(), "does not support write") {
		t.Errorf("a write got %v", err)
	}
}

// TestTFTPOptions sends a request with every option and reads the first answer:
// an option that is not understood is left out (RFC 2347), windowsize among them,
// so that the client goes on with one block at a time (RFC 7440 §3).
func TestTFTPOptions(t *testing.T) {
	r := newRack(t)
	r.add(t, imageUndionly, noise(74213))
	conn, err := net.Dial("udp4", tftpServer(t, r))
	try(t, err)
	conn.Close()
	for name, c := range map[string]struct {
		options string
		want    map[string]string
	}{
		"all":        {"tsize\x000\x00blksize\x001428\x00windowsize\x0016\x00timeout\x005\x00", map[string]string{"tsize": "74213", "blksize": "1428"}},
		"only tsize": {"tsize\x000\x00", map[string]string{"tsize": "74213"}},
		"padded":     {"blksize\x001024\x00" + strings.Repeat("\x00", 30), map[string]string{"blksize": "1024"}},
		"too small":  {"blksize\x008\x00tsize\x000\x00", map[string]string{"tsize": "74213"}},
	} {
		t.Run(name, func(t *testing.T) {
			to := conn.RemoteAddr()
			pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
			try(t, err)
			defer pc.Close()
			_, err = pc.WriteTo([]byte("\x00\x01"+imageUndionly+"\x00octet\x00"+c.options), to)
			try(t, err)
			try(t, pc.SetReadDeadline(time.Now().Add(5*time.Second)))
			b := make([]byte, 1500)
			n, from, err := pc.ReadFrom(b)
			try(t, err)
			if op := binary.BigEndian.Uint16(b); op != 6 {
				t.Fatalf("the answer is no OACK but %d: %q", op, b[:n])
			}
			parts := strings.Split(strings.TrimSuffix(string(b[2:n]), "\x00"), "\x00")
			got := map[string]string{}
			for i := 0; i+1 < len(parts); i += 2 {
				got[parts[i]] = parts[i+1]
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("options (-want +got):\n%s", d)
			}
			// A ROM that wanted only the size ends with an error; no event.
			_, err = pc.WriteTo([]byte("\x00\x05\x00\x08enough\x00"), from)
			try(t, err)
		})
	}
	if got := r.types(); len(got) != 0 {
		t.Errorf("events %v", got)
	}
}

// TestTFTPOtherClients fetches with the clients that people have.
func TestTFTPOtherClients(t *testing.T) {
	for name, command := range map[string]func(addr, out string) []string{
		"curl": func(addr, out string) []string {
			return []string{"curl", "-sS", "--tftp-blksize", "1428", "-o", out, "tftp://" + addr + "/" + imageUndionly}
		},
		"tftp-hpa": func(addr, out string) []string {
			host, port, _ := net.SplitHostPort(addr)
			return []string{"tftp", "-m", "binary", host, port, "-c", "get", imageUndionly, out}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRack(t)
			want := noise(74213)
			r.add(t, imageUndionly, want)
			out := filepath.Join(t.TempDir(), "out")
			args := command(tftpServer(t, r), out)
			if _, err := exec.LookPath(args[0]); err != nil {
				t.Skipf("no %s on this host", args[0])
			}
			msg, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, msg)
			}
			got, err := os.ReadFile(out)
			try(t, err)
			if !bytes.Equal(got, want) {
				t.Errorf("got %d bytes of %d: %s", len(got), len(want), msg)
			}
		})
	}
}

// FuzzTFTP: no name opens anything but the three files.
func FuzzTFTP(f *testing.F) {
	for _, seed := range []string{imageUndionly, imageIPXE, fileAutoexec, "/" + imageIPXE, "//ipxe.efi", "../" + imageUndionly, "undionly.kpxe\xff", "undionly.kpxe\x00", "C:\\undionly.kpxe", "", strings.Repeat("a/", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		r := newRack(t)
		r.add(t, imageUndionly, []byte("u"))
		r.add(t, imageIPXE, []byte("i"))
		s := newServer(t, r, nil)
		s.log, s.events.log = quietLog, quietLog
		out := &transfer{}
		err := s.serveTFTP(t.Context(), name, out)
		clean := strings.TrimLeft(unpad(name), "/")
		known := clean == imageUndionly || clean == imageIPXE || clean == fileAutoexec
		if known != (err == nil) {
			t.Errorf("%q: error %v", name, err)
		}
		if err != nil && out.Len() > 0 {
			t.Errorf("%q is refused and got %d bytes", name, out.Len())
		}
	})
}

// transfer is the client's end without a network.
type transfer struct{ bytes.Buffer }

func (*transfer) SetSize(int64)           {}
func (*transfer) RemoteAddr() net.UDPAddr { return net.UDPAddr{IP: net.IPv4(10, 77, 0, 11), Port: 7} }
