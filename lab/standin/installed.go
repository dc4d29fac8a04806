package standin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// installed is the installed system's agent: it polls with the install nonce and
// answers the guide's steps.
func (m *machine) installed(ctx context.Context, s system) error {
	m.say("[    0.000000] %s goes on in place of the installed system of %s", product, s.Node)
	addr, err := netip.ParsePrefix(s.Address)
	if err != nil {
		return fmt.Errorf("the address of the installed system: %w", err)
	}
	if err := m.nics[0].address(addr); err != nil {
		return err
	}
	if err := m.at(ctx, "boot"); err != nil {
		return err
	}
	cert, err := identity{s.Cert, s.Key}.certificate()
	if err != nil {
		return fmt.Errorf("the certificate of the installed system: %w", err)
	}
	c, err := newClient(s.URL, s.CA, cert)
	if err != nil {
		return err
	}
	boot, err := bootID()
	if err != nil {
		return err
	}
	m.serial.answer(s.Node + " login: ")
	a := &agent{m: m, client: c, poll: pollRequest{Stage: stageInstalled, BootID: boot, InstallNonce: s.InstallNonce}, work: m.guideStep}
	return a.run(ctx)
}

// guideStep answers a step of the guide. Nothing is done, and that is what the
// step's output says.
func (m *machine) guideStep(_ context.Context, t task, _ func(float64, string)) outcome {
	var s struct {
		Names     []string `json:"names"`
		Path      string   `json:"path"`
		Databases []string `json:"databases"`
		Run       []string `json:"run"`
		HTTP      string   `json:"http"`
		TCP       string   `json:"tcp"`
		Unit      string   `json:"unit"`
	}
	if err := json.Unmarshal(t.Spec, &s); err != nil {
		return outcome{err: fmt.Errorf("the task %s cannot be read: %w", t.Key, err)}
	}
	what := cmp.Or(strings.Join(s.Run, " "), strings.Join(s.Names, " "), strings.Join(s.Databases, " "), s.Path, s.HTTP, s.TCP, s.Unit)
	out := outcome{changed: t.Kind != "wait", command: t.Kind + " " + what,
		stdout: fmt.Sprintf("%s: answered as done; there is no operating system to do it in\n", product)}
	if strings.Contains(what, "vgcreate") && strings.Contains(what, "cinder-volumes") {
		out.err = m.noteVolumes()
	}
	return out
}

// noteVolumes notes that the guide made a volume group of the second disk.
func (m *machine) noteVolumes() error {
	if len(m.Disks) < 2 {
		return nil
	}
	return m.disks.put(m.Disks[1].Serial, Content{Contents: []string{"LVM2 cinder-volumes"}})
}
