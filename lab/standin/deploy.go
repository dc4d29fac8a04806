package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ramdisk is the deploy ramdisk's agent: from the kernel's command line to the
// installed system.
func (m *machine) ramdisk(ctx context.Context, p map[string]string, ca []byte) error {
	m.say("[    0.000000] %s goes on in place of Linux", product)
	m.say("Sandai deploy ramdisk: node %s, appliance %s", p["node"], p["url"])
	addr, err := netip.ParsePrefix(p["address"])
	if err != nil {
		return fmt.Errorf("sandai.address: %w", err)
	}
	if err := m.nics[0].address(addr); err != nil {
		return err
	}
	if err := m.at(ctx, "agent"); err != nil {
		return err
	}
	id, err := m.enroll(ctx, p["url"], ca, p["node"], p["nonce"])
	if err != nil {
		return err
	}
	m.say("enrolled: the appliance knows this node")
	cert, err := id.certificate()
	if err != nil {
		return err
	}
	c, err := newClient(p["url"], ca, cert)
	if err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	stage, handover := context.WithCancelCause(ctx)
	d := &deployer{m: m, url: p["url"], ca: ca, id: id, over: func() { handover(errHandover) }, reset: func() { handover(errRestart) }}
	err = (&agent{m: m, client: c, poll: pollRequest{Stage: stageRamdisk, BootID: boot}, work: d.work}).run(stage)
	switch cause := context.Cause(stage); {
	case errors.Is(cause, errRestart):
		m.say("this machine was only looked at; it restarts from its own disk")
		return errNoDevice // the disk has its turn
	case !errors.Is(cause, errHandover):
		return err
	}
	m.say("handing over to the installed system")
	if d.system == nil {
		return errors.New("the handover came without a seeded system")
	}
	return m.installed(ctx, *d.system)
}

// How the ramdisk is left.
var (
	errHandover = errors.New("handed over")
	errRestart  = errors.New("restarted")
)

// deployer carries out the phases of an installation.
type deployer struct {
	m      *machine
	url    string
	ca     []byte
	id     identity
	over   func()
	reset  func()
	system *system // what was seeded and handed over to
}

// spec has the fields of every phase's specification; each uses its own.
type spec struct {
	Disk      string          `json:"disk"`
	Volumes   string          `json:"volumes"`
	Erase     bool            `json:"erase"`
	Confirmed []confirmedDisk `json:"confirmed"`
	Run       string          `json:"run"`
	URL       string          `json:"url"`
	Image     struct {
		Name    string `json:"name"`
		RawSize int64  `json:"raw_size"`
	} `json:"image"`
	Node         string `json:"node"`
	InstallNonce string `json:"install_nonce"`
	Networks     []struct {
		MAC     string `json:"mac"`
		Address string `json:"address"`
	} `json:"networks"`
}

func (d *deployer) work(ctx context.Context, t task, say func(float64, string)) outcome {
	var s spec
	if len(t.Spec) > 0 {
		if err := json.Unmarshal(t.Spec, &s); err != nil {
			return outcome{err: fmt.Errorf("the task %s cannot be read: %w", t.Key, err)}
		}
	}
	d.m.say("%s, attempt %d", t.Key, t.Attempt)
	switch t.Kind {
	case "inspect":
		return d.inspect()
	case "rescue":
		d.m.say("rescue: a stand-in has no shell to open")
		return outcome{changed: true, stdout: "no shell: this is a stand-in\n"}
	case "restart":
		return outcome{command: "reboot", then: d.reset}
	}
	disk, err := d.m.pick(s.Disk)
	if err != nil {
		return outcome{err: err}
	}
	switch t.Kind {
	case "wipe":
		return d.wipe(disk, s, label(s.Run, t.Run))
	case "write":
		return d.write(ctx, disk, s, label(s.Run, t.Run), say)
	case "seed":
		return d.seed(disk, s, label("*", t.Run))
	case "handover":
		if d.system = d.m.disks.get(disk.Serial).System; d.system == nil {
			return outcome{err: fmt.Errorf("nothing was seeded on %s", disk.Name)}
		}
		return outcome{changed: true, command: "none: " + product + " has no kernel to start", then: d.over}
	}
	return outcome{err: fmt.Errorf("the ramdisk knows no %q: appliance and stand-in are of different versions", t.Kind)}
}

func (d *deployer) inspect() outcome {
	m := d.m
	h := &hardware{Product: product, Serial: m.Name, Firmware: product, CPU: product, Cores: m.Cores, MemoryMB: m.MemoryMB, Virt: "svm", BootMode: "bios"}
	var out strings.Builder
	for i := range m.Disks {
		info := m.info(i)
		h.Disks = append(h.Disks, info)
		fmt.Fprintf(&out, "%s %d MiB serial %q: %s\n", info.Name, info.Bytes>>20, info.Serial, orBlank(info.Contents))
	}
	for i, mac := range m.NICs {
		h.NICs = append(h.NICs, nicInfo{Name: m.nics[i].name, MAC: mac, Link: true, Mbps: 10000, Driver: m.nics[i].link.Type()})
	}
	fmt.Fprintf(&out, "%s, %d cores, %d MiB\n", h.CPU, h.Cores, h.MemoryMB)
	return outcome{hardware: h, stdout: out.String()}
}

func orBlank(contents []string) string {
	if len(contents) == 0 {
		return "blank"
	}
	return strings.Join(contents, "; ")
}

// wipe looks at all disks before it clears one.
func (d *deployer) wipe(system diskInfo, s spec, label string) (out outcome) {
	targets := map[string]diskInfo{"system": system}
	if s.Volumes != "" {
		disk, err := d.m.pick(s.Volumes)
		if err != nil {
			return outcome{err: err}
		}
		targets["volumes"] = disk
	}
	for use, disk := range targets {
		if err := errors.Join(asConfirmed(s.Confirmed, use, disk, label), mayErase(disk, s.Erase, label)); err != nil {
			return outcome{err: err}
		}
	}
	out.command = "wipe"
	for _, use := range []string{"system", "volumes"} {
		disk, ok := targets[use]
		if !ok {
			continue
		}
		out.command += " " + disk.Name
		out.stdout += fmt.Sprintf("%s, serial %q, for %s: %s\n", disk.Name, disk.Serial, use, orBlank(disk.Contents))
		out.changed = out.changed || len(disk.Contents) > 0
		out.err = errors.Join(out.err, d.m.disks.put(disk.Serial, Content{}))
	}
	return out
}

// writeParts is in how many parts the write is reported; parts of a real image
// arrive one after the other too.
const writeParts = 5

// write fetches the image's beginning, as a proof that it is there, and notes
// what would be on the disk.
func (d *deployer) write(ctx context.Context, disk diskInfo, s spec, label string, say func(float64, string)) outcome {
	out := outcome{changed: true, command: fmt.Sprintf("write %s to %s", s.Image.Name, disk.Name)}
	if out.err = mayErase(disk, false, label); out.err != nil {
		return out
	}
	var n int64
	out.err = insist(ctx, func() (err error) {
		n, err = d.begin(ctx, s.URL)
		return err
	})
	if out.err != nil {
		return out
	}
	for i := range writeParts {
		f := float64(i) / writeParts
		say(f, fmt.Sprintf("%d of %d MiB, %.0f %%\n", int64(f*float64(s.Image.RawSize))>>20, s.Image.RawSize>>20, 100*f))
		if out.err = pause(ctx, pauseOf(label+disk.Serial, i)); out.err != nil {
			return out
		}
	}
	out.err = d.m.disks.put(disk.Serial, Content{Contents: layout(label)})
	out.stdout = fmt.Sprintf("%s: the first %d bytes were fetched and dropped; nothing of its %d MiB was written\n", product, n, s.Image.RawSize>>20)
	return out
}

// begin fetches the first bytes of an image.
func (d *deployer) begin(ctx context.Context, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, fmt.Errorf("fetch the image: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, refusal{resp.StatusCode, "fetch the image " + url}
	}
	return io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
}

func (d *deployer) seed(disk diskInfo, s spec, label string) outcome {
	out := outcome{changed: true, command: "seed " + s.Node}
	if !laidOut(disk.Contents, label) {
		out.err = fmt.Errorf("%s has no root partition of this run; install again", disk.Name)
		return out
	}
	sys := &system{URL: s.URL, Node: s.Node, InstallNonce: s.InstallNonce, CA: d.ca, Cert: d.id.cert, Key: d.id.key}
	if sys.URL == "" {
		sys.URL = d.url
	}
	for _, n := range s.Networks {
		if slices.Contains(d.m.NICs, n.MAC) && n.Address != "" {
			sys.Address = n.Address
		}
	}
	out.stdout = fmt.Sprintf("%s: %s with the address %s is noted, no file was written\n", product, s.Node, sys.Address)
	out.err = d.m.disks.put(disk.Serial, Content{Contents: disk.Contents, System: sys})
	out.hardware = d.inspect().hardware // what is on the disk has changed
	return out
}
