package standin

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSerial: what was said before the BMC connects is not lost, what is typed
// comes back, and the log has all of it.
func TestSerial(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "console.log")
	s, err := openSerial(path, l)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	fmt.Fprint(s, "first\n")
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	line := func(want string) {
		t.Helper()
		got, err := in.ReadString('\n')
		if err != nil || got != want+"\r\n" {
			t.Fatalf("read %q, %v, want %q", got, err, want)
		}
	}
	line("first")
	s.answer("n1 login: ")
	line("")
	if _, err := c.Write([]byte("root\x1b\r")); err != nil {
		t.Fatal(err)
	}
	line("n1 login: root")
	if got, err := in.ReadString('\n'); err != nil || !strings.Contains(got, "nobody can log in here") {
		t.Errorf("a log-in is answered with %q, %v", got, err)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "first\r\n\r\nn1 login: root\r\n") {
		t.Errorf("the log holds %q, %v", b, err)
	}
}
