package inventory

import (
	"fmt"
	"slices"
)

// Misfit is one thing that speaks against a node having a role. Have and Want
// are its figures, in the unit that Code implies.
type Misfit struct {
	// Code is "memory" (MiB), "disk" (bytes of the largest), "volume-disk" (disks),
	// "nic" (NICs), "link", "virt" or "unknown".
	Code    string `json:"code"`
	Text    string `json:"text"` // what is lacking, with figures, and what it is for
	Have    int64  `json:"have,omitempty"`
	Want    int64  `json:"want,omitempty"`
	Warning bool   `json:"warning,omitempty"` // the role can be had all the same
}

// minMemory is how much memory each role was seen to run with, in MiB as the
// machine is sold; the kernel and the firmware keep up to a tenth of it.
var minMemory = map[Role]int{Controller: 3072, NetworkRole: 2560, Compute: 2048}

// minSystem is the part of the system disk that an installed system needs beside
// its image, in bytes: boot partitions, logs and databases.
const minSystem = 2 << 30

// Fit says what speaks against a machine having a role in a rack; nothing means
// that it fits. It is pure. image is the size in bytes of the role's image when
// written to disk, 0 where it is not known.
func Fit(role Role, hw *Hardware, r Rack, image int64) []Misfit {
	if hw == nil {
		return []Misfit{{Code: "unknown", Warning: true, Text: "its hardware was never inspected, so nobody knows whether it fits"}}
	}
	var out []Misfit
	cloud := r.Release != ReleaseDebian
	if want := minMemory[role]; cloud && hw.MemoryMB < want*9/10 {
		out = append(out, Misfit{Code: "memory", Have: int64(hw.MemoryMB), Want: int64(want),
			Text: fmt.Sprintf("it has %s of memory; %s needs %s", gib(hw.MemoryMB), article(role), gib(want))})
	}
	out = append(out, fitDisks(role, hw.Disks, cloud, image)...)
	if cloud && role == NetworkRole {
		out = append(out, fitNICs(hw.NICs)...)
	}
	if cloud && role == Compute && hw.Virt == "" {
		out = append(out, Misfit{Code: "virt", Warning: true,
			Text: "its CPU shows neither svm nor vmx, so servers would be emulated, some ten times slower; switch virtualisation on in the firmware's setup if the CPU has it"})
	}
	return out
}

func fitDisks(role Role, disks []DiskInfo, cloud bool, image int64) []Misfit {
	var largest int64
	for _, d := range disks {
		largest = max(largest, d.Bytes)
	}
	want := image + minSystem
	switch {
	case len(disks) == 0:
		return []Misfit{{Code: "disk", Want: want, Text: "it shows no disk: check its controller, or the ramdisk has no driver for it"}}
	case largest < want:
		return []Misfit{{Code: "disk", Have: largest, Want: want,
			Text: fmt.Sprintf("its largest disk has %s; %s needs %s", gb(largest), article(role), gb(want))}}
	case cloud && role == Controller && len(disks) < 2:
		return []Misfit{{Code: "volume-disk", Have: int64(len(disks)), Want: 2, Warning: true,
			Text: "it has one disk; without a second one for volumes the cloud has no volume service"}}
	}
	return nil
}

func fitNICs(nics []NICInfo) []Misfit {
	links := 0
	for _, n := range nics {
		if n.Link {
			links++
		}
	}
	switch {
	case len(nics) < 2:
		return []Misfit{{Code: "nic", Have: int64(len(nics)), Want: 2,
			Text: fmt.Sprintf("it has %s; a network node needs two: one for the provisioning network, one for the provider network", count(len(nics), "NIC"))}}
	case links < 2:
		return []Misfit{{Code: "link", Have: int64(links), Want: 2, Warning: true,
			Text: fmt.Sprintf("%d of its %d NICs have a link; the provider network's cable is to be plugged in", links, len(nics))}}
	}
	return nil
}

// OnlyWarnings reports whether nothing among misfits keeps from having the role.
func OnlyWarnings(misfits []Misfit) bool {
	return !slices.ContainsFunc(misfits, func(m Misfit) bool { return !m.Warning })
}

func article(r Role) string {
	if r == NetworkRole {
		return "a network node"
	}
	return "a " + string(r)
}

func count(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func gib(mib int) string { return fmt.Sprintf("%.1f GiB", float64(mib)/1024) }

func gb(bytes int64) string { return fmt.Sprintf("%.1f GB", float64(bytes)/1e9) }

// Fits says how well a node fits each role of a cloud. image gives the size in
// bytes of a role's image when written, 0 where it is not known.
func Fits(n Node, r Rack, image func(Role) int64) []Fitness {
	out := []Fitness{}
	for _, role := range []Role{Controller, NetworkRole, Compute} {
		m := append([]Misfit{}, Fit(role, n.Hardware, r, image(role))...)
		out = append(out, Fitness{Role: role, Fits: OnlyWarnings(m), Misfits: m})
	}
	return out
}
