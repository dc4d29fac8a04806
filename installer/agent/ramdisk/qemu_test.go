package ramdisk

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/u-root/u-root/pkg/cpio"
	"golang.org/x/crypto/ssh"

	"sandai/installer/agent/agenttest"
	"sandai/installer/agent/disk"
	"sandai/inventory"
)

// TestDeployInQEMU boots the real ramdisk in an emulated machine, lays the base
// image down and goes over to the installed system, whose agent then carries out
// steps. It wants a store with deploy-kernel, deploy-ramdisk and base (made by
// "appliance image build"), named by SANDAI_QEMU_CACHE, and takes minutes.
func TestDeployInQEMU(t *testing.T) {
	cache := os.Getenv("SANDAI_QEMU_CACHE")
	if cache == "" {
		t.Skip("SANDAI_QEMU_CACHE does not name a cache with built images")
	}
	t.Logf("console: %s", filepath.Join(scratch(t), "serial.log"))
	host := net.IPv4(10, 0, 2, 2) // the host as QEMU's user network shows it
	a := agenttest.New(t, "127.0.0.1:0", host)
	_, port, _ := strings.Cut(strings.TrimPrefix(a.URL, "https://"), ":")
	imgs, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.StripPrefix("/images/", http.FileServer(http.Dir(filepath.Join(cache, "store"))))}
	go srv.Serve(imgs)
	t.Cleanup(func() { srv.Close() })

	m := machine{t: t, dir: scratch(t), cache: cache, ssh: freePort(t)}
	m.start(fmt.Sprintf("console=ttyS0,115200n8 sandai.node=n1 sandai.nonce=nonce sandai.mac=52:54:00:77:00:01 sandai.address=10.0.2.15/24 sandai.url=https://10.0.2.2:%s sandai.images=x", port), a.CA.Certificate())
	const limit = 5 * time.Minute
	do := func(kind, spec string, want inventory.StepState) inventory.StepReport {
		t.Helper()
		began := time.Now()
		r := a.Do(t, inventory.Task{Run: 1, Key: "n1/" + kind + "/" + fmt.Sprint(len(a.Reports())), Attempt: 1, Kind: kind, Spec: json.RawMessage(spec), Timeout: 300}, limit)
		t.Logf("%s %.1fs %s %s\n%s", kind, time.Since(began).Seconds(), r.State, r.Reason, r.Stdout)
		if r.State != want {
			t.Fatalf("%s ended %s, want %s: %s", kind, r.State, want, r.Reason)
		}
		return r
	}
	r := do("inspect", `{}`, inventory.StepDone)
	if h := r.Hardware; h == nil || len(h.Disks) != 1 || h.Disks[0].Serial != "system-1" || len(h.NICs) != 2 || h.Virt != "svm" || len(h.Disks[0].Contents) == 0 {
		t.Fatalf("hardware: %+v", h)
	}
	if i := slices.IndexFunc(r.Hardware.NICs, func(n inventory.NICInfo) bool { return n.MAC == "52:54:00:77:00:01" }); i < 0 || !r.Hardware.NICs[i].Link || r.Hardware.NICs[i].Driver != "virtio_net" {
		t.Fatalf("NICs: %+v", r.Hardware.NICs)
	}
	m.rescued(do)
	do("wipe", `{"disk":"system-1","erase":false,"run":"r"}`, inventory.StepFailed) // it holds an old file system
	do("wipe", `{"disk":"other","erase":true,"run":"r"}`, inventory.StepFailed)
	do("wipe", `{"disk":"system-1","erase":true,"run":"r"}`, inventory.StepDone)
	img := m.image("base")
	b, _ := json.Marshal(img)
	do("write", fmt.Sprintf(`{"disk":"system-1","run":"r","url":"http://10.0.2.2:%d/images/%s","image":%s}`, imgs.Addr().(*net.TCPAddr).Port, img.Digest, b), inventory.StepDone)
	do("wipe", `{"disk":"system-1","erase":false,"run":"r"}`, inventory.StepDone) // of this very run: may be repeated
	do("write", fmt.Sprintf(`{"disk":"","run":"r","url":"http://10.0.2.2:%d/images/%s","image":%s}`, imgs.Addr().(*net.TCPAddr).Port, img.Digest, b), inventory.StepDone)
	do("seed", `{"disk":"system-1","node":"n1","hostname":"n1","hosts":"","install_nonce":"proof","ssh_keys":["ssh-ed25519 AAAA test"],
		"networks":[{"name":"mgmt0","mac":"52:54:00:77:00:01","address":"10.0.2.15/24","gateway":""},{"name":"provider0","mac":"52:54:00:77:00:02"}]}`, inventory.StepDone)
	if r := do("handover", `{"disk":"system-1"}`, inventory.StepDone); r.Reason != "" {
		t.Errorf("kexec was not possible: %s", r.Reason)
	}
	began := time.Now()
	a.Until(t, "the installed system", limit, func(_ []inventory.StepReport, polls []inventory.PollRequest) bool {
		last := polls[len(polls)-1]
		return last.Stage == inventory.StageInstalled && last.InstallNonce == "proof"
	})
	t.Logf("installed system reports %.1fs after the handover", time.Since(began).Seconds())
	m.installed(do)
	m.coldBoot(a)
}

// rescued goes into the ramdisk over ssh, with the key that the task has, and looks
// at what the console shows.
func (m *machine) rescued(do func(kind, spec string, want inventory.StepState) inventory.StepReport) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		m.t.Fatal(err)
	}
	for range 2 { // a second time, as after a crash
		do("rescue", fmt.Sprintf(`{"name":"n1","keys":[%q]}`, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.PublicKey())))), inventory.StepDone)
	}
	login := func(with ssh.AuthMethod) (*ssh.Client, error) {
		return ssh.Dial("tcp", m.ssh, &ssh.ClientConfig{User: "root", Auth: []ssh.AuthMethod{with}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: time.Minute})
	}
	if c, err := login(ssh.Password("")); err == nil {
		c.Close()
		m.t.Error("a rescue is open to everybody")
	}
	c, err := login(ssh.PublicKeys(key))
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	s, err := c.NewSession()
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := s.CombinedOutput("id; hostname; ls /dev/vda; e2fsck -V; mount; vi --help 2>&1 | head -2")
	for _, want := range []string{"uid=0(root)", "\nn1\n", "/dev/vda", "e2fsck 1.4", "devpts", "BusyBox"} {
		if err != nil || !strings.Contains(string(out), want) {
			m.t.Errorf("in the rescue (%v) %q is missing:\n%s", err, want, out)
		}
	}
	console, err := os.ReadFile(filepath.Join(m.dir, "serial.log"))
	if err != nil || strings.Count(string(console), "This is the rescue of a server") == 0 {
		m.t.Errorf("the console shows no shell: %v", err)
	}
}

// installed checks the seeded system through steps of the guide's kinds.
func (m *machine) installed(do func(kind, spec string, want inventory.StepState) inventory.StepReport) {
	command := func(script string) string {
		return fmt.Sprintf(`{"run":["/bin/sh","-c",%q],"unless":["/bin/sh","-c","test -e /run/never-%d"]}`, script, time.Now().UnixNano())
	}
	ok := func(script, unless string) string {
		return fmt.Sprintf(`{"run":["/bin/sh","-c",%q],"creates":%q}`, script, unless)
	}
	r := do("command", ok(`hostname; ip -br address; df -m /; systemctl is-enabled sandai-agent; systemd-analyze blame | head -20; systemd-analyze critical-chain sandai-agent.service; echo "cost $5 ${HOME}" >&2; id -un; touch /run/one`, "/run/one"), inventory.StepDone)
	for _, want := range []string{"n1", "mgmt0", "10.0.2.15/24", "provider0"} {
		if !strings.Contains(r.Stdout, want) {
			m.t.Errorf("the installed system's facts lack %q:\n%s", want, r.Stdout)
		}
	}
	if strings.TrimSpace(r.Stderr) != "cost  /root" {
		m.t.Errorf("standard error is %q", r.Stderr)
	}
	do("command", ok("exit 3", "/run/two"), inventory.StepFailed)
	do("command", command("true"), inventory.StepFailed) // ends well, but is not done
	r = do("command", ok("systemctl restart --no-block sandai-agent; n=0; while [ $n -lt 15 ]; do echo line $n; n=$((n+1)); sleep 1; done; touch /run/three", "/run/three"), inventory.StepDone)
	if strings.Count(r.Stdout, "line") != 15 {
		m.t.Errorf("a step during which the agent was restarted says:\n%s", r.Stdout)
	}
	r = do("command", ok("systemctl list-units --all 'sandai-1-*' --no-legend --plain; ls /var/lib/sandai/steps; touch /run/four", "/run/four"), inventory.StepDone)
	if n := strings.Count(r.Stdout, ".service"); n != 1 {
		m.t.Errorf("%d units are left, want this step's alone:\n%s", n, r.Stdout)
	}
}

// coldBoot starts the machine again from its disk by BIOS and GRUB.
func (m *machine) coldBoot(a *agenttest.Appliance) {
	m.kill()
	var before string
	a.Until(m.t, "a poll", time.Minute, func(_ []inventory.StepReport, p []inventory.PollRequest) bool {
		before = p[len(p)-1].BootID
		return true
	})
	began := time.Now()
	m.start("", nil)
	a.Until(m.t, "the system started from its disk", 5*time.Minute, func(_ []inventory.StepReport, p []inventory.PollRequest) bool {
		last := p[len(p)-1]
		return last.BootID != before && last.Stage == inventory.StageInstalled
	})
	m.t.Logf("started from its disk in %.1fs", time.Since(began).Seconds())
}

// machine is a QEMU machine without network but to this host.
type machine struct {
	t     *testing.T
	dir   string
	cache string
	ssh   string // where the machine's port 22 is on this host
	cmd   *exec.Cmd
}

// freePort is an address of this host that nobody listens on.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func scratch(t *testing.T) string {
	if dir := os.Getenv("SANDAI_QEMU_DIR"); dir != "" {
		return dir
	}
	return t.TempDir()
}

func (m *machine) image(name string) disk.Image {
	b, err := os.ReadFile(filepath.Join(m.cache, "store/refs", name+".json"))
	if err != nil {
		m.t.Fatal(err)
	}
	var img disk.Image
	if err := json.Unmarshal(b, &img); err != nil {
		m.t.Fatal(err)
	}
	return img
}

// start boots the ramdisk with this source's agent as /init, or the disk when
// there is no command line.
func (m *machine) start(cmdline string, ca []byte) {
	m.t.Helper()
	args := []string{"-machine", "q35,graphics=off", "-vga", "none", "-display", "none", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2",
		"-serial", "file:" + filepath.Join(m.dir, "serial.log"), "-no-reboot",
		"-drive", "if=none,id=d0,format=raw,cache=unsafe,discard=unmap,file=" + filepath.Join(m.dir, "disk.raw"), "-device", "virtio-blk-pci,drive=d0,serial=system-1",
		"-netdev", "user,id=n0,restrict=off,hostfwd=tcp:" + m.ssh + "-:22", "-device", "virtio-net-pci,netdev=n0,mac=52:54:00:77:00:01,romfile=",
		"-netdev", "hubport,id=n1,hubid=1", "-device", "e1000e,netdev=n1,mac=52:54:00:77:00:02,romfile="}
	if cmdline != "" {
		m.blank()
		args = append(args, "-kernel", filepath.Join(m.cache, "store", m.image("deploy-kernel").Digest), "-initrd", m.ramdisk(ca), "-append", cmdline)
	} else {
		for i := range args {
			if args[i] == "-serial" {
				args[i+1] = "file:" + filepath.Join(m.dir, "serial2.log")
			}
		}
	}
	m.cmd = exec.Command("qemu-system-x86_64", args...)
	m.cmd.Stderr = os.Stderr
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.kill)
}

func (m *machine) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

// blank makes a disk of 4 GiB with an old swap signature.
func (m *machine) blank() {
	f, err := os.Create(filepath.Join(m.dir, "disk.raw"))
	if err == nil {
		err = f.Truncate(4 << 30)
	}
	if err == nil {
		_, err = f.WriteAt([]byte("SWAPSPACE2"), 4086)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	f.Close()
}

func (m *machine) ramdisk(ca []byte) string {
	bin := filepath.Join(m.dir, "agent")
	build := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags", "-s -w", "-o", bin, "sandai/cmd/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		m.t.Fatalf("build the agent: %v\n%s", err, out)
	}
	agent, err := os.ReadFile(bin)
	if err != nil {
		m.t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(m.cache, "store", m.image("deploy-ramdisk").Digest))
	if err != nil {
		m.t.Fatal(err)
	}
	var extra bytes.Buffer
	w := cpio.Newc.Writer(&extra)
	err = cpio.WriteRecords(w, []cpio.Record{cpio.Directory("etc", 0o755), cpio.Directory("etc/sandai", 0o755),
		cpio.StaticFile("etc/sandai/ca.pem", string(ca), 0o644), cpio.StaticFile("init", string(agent), 0o755)})
	if err == nil {
		err = cpio.WriteTrailer(w)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	all = append(all, make([]byte, (4-len(all)%4)%4)...)
	path := filepath.Join(m.dir, "ramdisk")
	if err := os.WriteFile(path, append(all, extra.Bytes()...), 0o644); err != nil {
		m.t.Fatal(err)
	}
	return path
}
