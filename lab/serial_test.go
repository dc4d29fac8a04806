package lab

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// TestCable: the BMC gets what the machine said before it listened, a plug that
// is put in takes the place of the old one, and a machine that is off gets nothing
// of what was typed.
func TestCable(t *testing.T) {
	dir := t.TempDir()
	var ends [2]net.Listener
	for i, name := range []string{"bmc", "machine"} {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ends[i] = l
	}
	c := &cable{}
	go c.plug(ends[0], &c.bmc, c.toMachine)
	go c.plug(ends[1], &c.machine, c.toBMC)
	dial := func(end int) net.Conn {
		t.Helper()
		conn, err := net.Dial("unix", ends[end].Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	say := func(conn net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(conn net.Conn, want string) {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Fatalf("heard %.60q, %v, want %.60q", got, err, want)
		}
	}
	gone := func(conn net.Conn) {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("the old plug ends with %v", err)
		}
	}
	kept := func(end string) {
		t.Helper()
		waitFor(t, 10*time.Second, "the words to be kept", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return bytes.HasSuffix(c.backlog, []byte(end))
		})
	}
	machine := dial(1)
	say(machine, "SeaBIOS\r\n")
	kept("SeaBIOS\r\n")
	machine.Close()
	again := dial(1)
	say(again, "once more\r\n")
	bmc := dial(0)
	hear(bmc, "SeaBIOS\r\nonce more\r\n")
	say(bmc, "root\r")
	hear(again, "root\r")
	say(again, "Password:")
	hear(bmc, "Password:")
	other := dial(0)
	gone(bmc)
	say(again, "to the other one")
	hear(other, "to the other one")

	third := dial(1) // while the one before is still in
	gone(again)
	say(third, "third")
	hear(other, "third")
	other.Close()
	big := bytes.Repeat([]byte("x"), backlogSize)
	say(third, "lost"+string(big[:backlogSize-3])+"end")
	kept("end")
	last := dial(0)
	hear(last, string(big[:backlogSize-3])+"end")
}
