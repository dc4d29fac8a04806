package ramdisk

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"sandai/installer/agent"
)

// handoverSpec names the system disk.
type handoverSpec struct {
	Disk string `json:"disk"`
}

// cmdlineFile holds the installed kernel's command line.
const cmdlineFile = "usr/lib/sandai/boot/cmdline"

// handover loads the installed kernel for kexec(8), which saves the firmware's
// start, and goes over to it once the appliance knows that this step is done.
// Where kexec is refused the machine is restarted.
func (d *deployer) handover(ctx context.Context, s handoverSpec, label string) agent.Outcome {
	out := agent.Outcome{Changed: true, Command: "kexec /boot/vmlinuz"}
	var kexecErr error
	err := d.onRoot(ctx, s.Disk, label, unix.MS_RDONLY, func(root *os.Root) error {
		kexecErr = loadKernel(root)
		return nil
	})
	if err != nil {
		return agent.Outcome{Err: err}
	}
	unix.Sync()
	if kexecErr != nil {
		out.Note = fmt.Sprintf("the installed kernel cannot be started directly (%v); the machine restarts through its firmware", kexecErr)
	}
	out.Then = func() {
		d.log.Info("handing over to the installed system", "kexec", kexecErr == nil)
		silenceNICs(d.log)
		unix.Sync()
		if kexecErr == nil {
			err := unix.Reboot(unix.LINUX_REBOOT_CMD_KEXEC)
			d.log.Error("kexec failed; restarting", "err", err)
		}
		d.reboot()
	}
	return out
}

// restart starts the machine anew through its firmware once the appliance knows
// that this step is done: it was only looked at, and goes back to its own disk.
func (d *deployer) restart() agent.Outcome {
	return agent.Outcome{Command: "reboot", Then: func() {
		d.log.Info("the appliance has no more for this machine to do; it restarts from its own disk")
		silenceNICs(d.log)
		unix.Sync()
		d.reboot()
	}}
}

func (d *deployer) reboot() {
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART); err != nil {
		d.log.Error("the machine does not restart: power-cycle it", "err", err)
	}
}

func loadKernel(root *os.Root) error {
	kernel, err := root.Open("boot/vmlinuz")
	if err != nil {
		return err
	}
	defer kernel.Close()
	initrd, err := root.Open("boot/initrd.img")
	if err != nil {
		return err
	}
	defer initrd.Close()
	line, err := root.ReadFile(cmdlineFile)
	if err != nil {
		return err
	}
	return unix.KexecFileLoad(int(kernel.Fd()), int(initrd.Fd()), strings.TrimSpace(string(line)), 0)
}
