package standin

import (
	"errors"
	"fmt"
	"strings"
)

// script is what an iPXE script comes to: what to load and start, or, with an
// empty kernel, to leave to the next boot device.
type script struct {
	kernel, ramdisk string // URLs
	line            string // the kernel's command line
	echo            []string
}

// parseScript reads what of iPXE's language (https://ipxe.org/scripting) says
// what to boot. Labels, counters and jumps are left out: the stand-in tries again
// by itself.
func parseScript(text string) (script, error) {
	var s script
	lines := strings.Split(text, "\n")
	if lines[0] != "#!ipxe" {
		return s, errors.New("the boot script does not begin with #!ipxe")
	}
	for _, l := range lines[1:] {
		l, _, _ = strings.Cut(l, " || ")
		f := strings.Fields(strings.TrimSuffix(l, " ||"))
		if len(f) == 0 {
			continue
		}
		switch f[0] {
		case "echo":
			if s.kernel == "" { // later ones belong to jumps that are not taken
				s.echo = append(s.echo, strings.Join(f[1:], " "))
			}
		case "kernel":
			if len(f) < 2 {
				return s, fmt.Errorf("the boot script's %q names no kernel", l)
			}
			s.kernel, s.line = f[1], strings.Join(f[2:], " ")
		case "initrd":
			s.ramdisk = f[len(f)-1]
		case "boot":
			if s.kernel == "" || s.ramdisk == "" {
				return s, errors.New("the boot script boots without a kernel and a ramdisk")
			}
			return s, nil
		case "sanboot", "exit":
			return s, nil
		}
	}
	return s, errors.New("the boot script neither boots nor exits")
}

// parameters are the sandai.NAME=VALUE of a kernel command line.
func parameters(line string) (map[string]string, error) {
	out := map[string]string{}
	for f := range strings.FieldsSeq(line) {
		if k, v, ok := strings.Cut(f, "="); ok && strings.HasPrefix(k, "sandai.") {
			out[strings.TrimPrefix(k, "sandai.")] = v
		}
	}
	for _, k := range []string{"node", "nonce", "mac", "address", "url", "images"} {
		if out[k] == "" {
			return nil, fmt.Errorf("sandai.%s is missing on the kernel's command line", k)
		}
	}
	return out, nil
}
