package pxe

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"text/template"
	"time"

	"sandai/inventory"
)

// A script tries for about two minutes (scriptTries times scriptPause seconds),
// because a switch port with spanning tree or LACP is deaf for 30 to 90 s.
const (
	scriptTries = 24
	scriptPause = 5
)

// url makes an address on the firmware's HTTP server.
func (s *Server) url(path string) string {
	return fmt.Sprintf("http://%s%s", netip.AddrPortFrom(s.cfg.Address.Addr(), uint16(s.cfg.HTTPPort)), path)
}

func (s *Server) scriptURL(mac string) string { return s.url("/boot.ipxe?mac=" + mac) }

// scripts are the iPXE scripts (https://ipxe.org/scripting). They use only what
// the 2019 build in Debian 12 knows.
var scripts = template.Must(template.New("").Parse(`
{{- define "again" -}}
:again
inc tries
iseq ${tries} {{.Tries}} && goto enough ||
echo Sandai: try ${tries} of {{.Tries}} failed, next in {{.Pause}} s
sleep {{.Pause}}
goto retry
:enough
echo Sandai: giving up; the next boot device has its turn
exit 1
{{end -}}

{{- define "ramdisk" -}}
#!ipxe
echo Sandai: {{.Node}} starts the deploy ramdisk: {{.Reason}}
set tries:int32 0
:retry
imgfree
kernel {{.Kernel}} initrd=ramdisk {{.CommandLine}} || goto again
initrd --name ramdisk {{.Ramdisk}} || goto again
boot || goto again
{{template "again" .}}{{end -}}

{{- define "disk" -}}
#!ipxe
echo Sandai: {{.Node}} boots from its disk: {{.Reason}}
iseq ${platform} efi && goto leave ||
sanboot --no-describe --drive 0x80 ||
:leave
exit 1
{{end -}}

{{- define "chain" -}}
#!ipxe
set tries:int32 0
:retry
isset ${netX/ip} || dhcp || goto again
chain --replace {{.Script}} || goto again
{{template "again" .}}{{end -}}
`))

// scriptData fills the templates.
type scriptData struct {
	Node, Reason, Kernel, Ramdisk, CommandLine, Script string
	Tries, Pause                                       int
}

func render(name string, d scriptData) string {
	d.Tries, d.Pause = scriptTries, scriptPause
	d.Node, d.Reason = plainText(d.Node), plainText(d.Reason)
	var b strings.Builder
	if err := scripts.ExecuteTemplate(&b, name, d); err != nil {
		panic(err) // a mistake in the template: every test would fail
	}
	return b.String()
}

// diskScript sends a machine to its own disk. On BIOS sanboot comes first: some
// BIOSes do not try the next device after a network boot that ended, and 0x80
// is the first disk. On UEFI there is no drive 0x80; there a loader that ends
// with an error makes the firmware try its next boot entry, while success would
// end in the firmware's menu (UEFI 2.10 §3.1.7).
func (s *Server) diskScript(d inventory.BootDecision) string {
	return render("disk", scriptData{Node: d.Node, Reason: d.Reason})
}

// chainScript fetches boot.ipxe, with the machine's MAC where it is known: on a
// machine with more NICs net0 need not be the one on this network. netX is the
// one that was opened last.
func (s *Server) chainScript(mac string) string {
	if mac == "" {
		mac = "${netX/mac}"
	}
	return render("chain", scriptData{Script: s.scriptURL(mac)})
}

// ramdiskScript starts the deploy ramdisk.
func (s *Server) ramdiskScript(ctx context.Context, m inventory.Machine, d inventory.BootDecision, address netip.Addr) (string, error) {
	line, err := s.commandLine(m, d, address)
	if err != nil {
		return "", err
	}
	return render("ramdisk", scriptData{
		Node: d.Node, Reason: d.Reason, CommandLine: line,
		Kernel: s.url("/kernel?mac=" + m.MAC), Ramdisk: s.url("/ramdisk?mac=" + m.MAC),
	}), nil
}

// commandLine is what docs/design.md says the deploy ramdisk's kernel gets.
func (s *Server) commandLine(m inventory.Machine, d inventory.BootDecision, address netip.Addr) (string, error) {
	args := []string{
		"sandai.node=" + d.Node,
		"sandai.nonce=" + d.Nonce,
		"sandai.mac=" + m.MAC,
		"sandai.address=" + netip.PrefixFrom(address, s.cfg.Address.Bits()).String(),
		"sandai.url=" + s.cfg.AgentURL,
		"sandai.images=" + s.url(""),
		"console=" + s.cfg.Console,
	}
	for _, a := range args {
		// A space would begin another argument, and iPXE expands ${…} and joins
		// commands with || and &&.
		if i := strings.IndexFunc(a, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("$|&#\"'\\`", r) }); i >= 0 {
			name, _, _ := strings.Cut(a, "=")
			return "", inventory.Errorf(inventory.Invalid, "%s of node %q has a character that a kernel command line cannot carry; rename it", name, d.Node)
		}
	}
	return strings.Join(args, " "), nil
}

// addressOf is the address of a machine on the provisioning network: the node's
// own, else that of its lease.
func (s *Server) addressOf(ctx context.Context, m inventory.Machine, node string) (netip.Addr, error) {
	if s.cfg.Node != nil && node != "" {
		n, err := s.cfg.Node(ctx, node)
		if err != nil && inventory.CodeOf(err) != inventory.NotFound {
			return netip.Addr{}, fmt.Errorf("find the address of node %s: %w", node, err)
		}
		if a, err := netip.ParseAddr(n.Address); err == nil {
			return a, nil
		}
	}
	l, err := s.leases.Lease(ctx, s.cfg.RackID, m.MAC, time.Now())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find the address of %s: %w", m.MAC, err)
	}
	return netip.ParseAddr(l.Address)
}

// plainText keeps a text from being read as iPXE: only what no part of its
// grammar uses passes.
func plainText(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,:;-_/()", r):
			return r
		}
		return '.'
	}, text)
}
