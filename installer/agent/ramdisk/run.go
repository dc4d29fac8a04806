package ramdisk

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"sandai/installer/agent"
	"sandai/inventory"
)

const (
	caPath = "/etc/sandai/ca.pem" // appended to the ramdisk by the appliance
	// keepDir keeps the certificate for a next life of this process: the boot
	// nonce is spent at the first poll.
	keepDir = "/run/sandai"
)

// fileSystems and what they need without modules.dep saying so.
var fileSystems = []string{"crc32c_generic", "ext4", "nls_cp437", "nls_ascii", "nls_iso8859_1", "nls_utf8", "vfat"}

// Run is the agent proper. It ends with ctx, or with an error that PID 1 shows
// before it starts Run again.
func Run(ctx context.Context) error {
	log := newLog(os.Stderr)
	err := run(ctx, log)
	if err != nil {
		log.Error("the installation cannot go on", "err", err)
	}
	return err
}

func run(ctx context.Context, log *slog.Logger) error {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	p, err := parseCmdline(string(line))
	if err != nil {
		return fmt.Errorf("this machine was not started by a Sandai appliance: %w", err)
	}
	log.Info("node", "name", p.node, "mac", p.mac, "address", p.address, "appliance", p.url)
	drv, err := openDrivers(log)
	if err != nil {
		return err
	}
	drv.scan()
	if err := bringUp(ctx, log, drv, p.mac, p.address); err != nil {
		return err
	}
	go drv.load(fileSystems...)            // later needed, and no device asks for them
	go drv.load("ipmi_si", "ipmi_devintf") // looking for a BMC takes a second
	id, err := identity(ctx, log, p)
	if err != nil {
		return err
	}
	cert, err := id.Certificate()
	if err != nil {
		return err
	}
	client, err := agent.NewClient(agent.ClientConfig{URL: p.url, CA: id.CA, Cert: cert})
	if err != nil {
		return err
	}
	boot, err := agent.BootID()
	if err != nil {
		return err
	}
	d := &deployer{log: log, drivers: drv, id: id, url: p.url, address: p.address.Addr()}
	log.Info("waiting for work")
	r := &agent.Runner{Appliance: client, Work: d.work, Journal: agent.NewJournal(), Stage: inventory.StageRamdisk, BootID: boot, Log: log}
	return r.Run(ctx)
}

// identity enrolls, or finds what an earlier life of this process got.
func identity(ctx context.Context, log *slog.Logger, p params) (agent.Identity, error) {
	if c, id, err := agent.ReadConfig(keepDir); err == nil && c.Node == p.node {
		return id, nil
	}
	ca, err := os.ReadFile(caPath)
	if err != nil {
		return agent.Identity{}, fmt.Errorf("find the appliance's CA in the ramdisk: %w", err)
	}
	log.Info("enrolling", "appliance", p.url)
	id, now, err := agent.Enroll(ctx, log, p.url, ca, p.node, p.nonce)
	if err != nil {
		return id, err
	}
	setClock(log, now)
	log.Info("enrolled: the appliance knows this node")
	return id, agent.WriteConfig(keepDir, agent.Config{URL: p.url, Node: p.node}, id)
}

// clockLimit is how far the clock may be off before it is set.
const clockLimit = 5 * time.Second

// setClock follows the appliance's clock where the own one is far off: a server
// with an empty battery starts in 2000, and certificates mind. The hardware
// clock is set too, because the installed system starts with it.
func setClock(log *slog.Logger, now time.Time) {
	off := time.Until(now)
	if now.IsZero() || off.Abs() < clockLimit {
		return
	}
	tv := unix.NsecToTimeval(now.UnixNano())
	if err := unix.Settimeofday(&tv); err != nil {
		log.Warn("the clock cannot be set", "err", err)
		return
	}
	log.Info("the clock was set to the appliance's", "was_off", off.Round(time.Second))
	f, err := os.OpenFile("/dev/rtc0", os.O_WRONLY, 0)
	if err != nil {
		log.Warn("there is no hardware clock to set", "err", err)
		return
	}
	defer f.Close()
	t := now.UTC()
	rtc := unix.RTCTime{Sec: int32(t.Second()), Min: int32(t.Minute()), Hour: int32(t.Hour()),
		Mday: int32(t.Day()), Mon: int32(t.Month()) - 1, Year: int32(t.Year()) - 1900}
	if err := unix.IoctlSetRTCTime(int(f.Fd()), &rtc); err != nil {
		log.Warn("the hardware clock cannot be set", "err", err)
	}
}
