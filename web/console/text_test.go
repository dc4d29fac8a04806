package console_test

import (
	"testing"

	"sandai/web/console"
)

func TestPlain(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"lines":             {"one\r\ntwo\r\n", "one\ntwo\n"},
		"colour":            {"\x1b[1;32m[  OK  ]\x1b[0m Started.", "[  OK  ] Started."},
		"cursor":            {"\x1b[2J\x1b[01;01HSeaBIOS\x1b[K", "SeaBIOS"},
		"title":             {"\x1b]0;root@compute-1\x07$ ", "$"},
		"title, other end":  {"\x1b]0;root\x1b\\$ ls", "$ ls"},
		"progress":          {"Loading  10%\rLoading 100%\r\n", "Loading 100%\n"},
		"shorter than past": {"123456\rab", "ab3456"},
		"backspace":         {"rooot\b\b\bot\x1b[K", "root"},
		"last one wrong":    {"lsx\b\x1b[K\r\nlsx\b\x1b[0K", "ls\nls"},
		"typed wrong":       {"lx\b \bs", "ls"},
		"controls":          {"a\x00\x07\x0fb\tc", "ab\tc"},
		"not UTF-8":         {"caf\xe9 \xc3\xa9", "caf� é"},
		"cut sequence":      {"text\x1b[3", "text"},
		"Japanese":          {"\x1b[1m三台\x1b[0m", "三台"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := console.Plain([]byte(tt.in)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzPlain(f *testing.F) {
	f.Add([]byte("\x1b[1;32mok\x1b[0m\r\n\x1b]0;t\x07\b\b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, r := range console.Plain(b) {
			if r == 0x1b || r == '\r' || r == 0x9b {
				t.Fatalf("%q leaves %q", b, r)
			}
		}
	})
}
