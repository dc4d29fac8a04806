package standin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Content is what a stand-in remembers of a disk: names of what would be on it.
type Content struct {
	Contents []string `json:"contents,omitempty"` // as an inspection reports them; empty is blank
	System   *system  `json:"system,omitempty"`
}

// system is what an installed system starts with; the seed step leaves it.
type system struct {
	URL          string `json:"url"` // of the agent API
	Node         string `json:"node"`
	InstallNonce string `json:"install_nonce"`
	Address      string `json:"address"` // "10.77.0.11/24"
	CA           []byte `json:"ca"`
	Cert         []byte `json:"cert"`
	Key          []byte `json:"key"`
}

// DisksFile is where a stand-in keeps a map from the serial numbers of its disks
// to their Content, in its Dir.
const DisksFile = "disks.json"

type disks struct {
	path string

	mu sync.Mutex
	by map[string]Content
}

func openDisks(dir string) (*disks, error) {
	d := &disks{path: filepath.Join(dir, DisksFile), by: map[string]Content{}}
	return d, readJSON(d.path, &d.by)
}

func (d *disks) get(serial string) Content {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.by[serial]
}

func (d *disks) put(serial string, c Content) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.by[serial] = c
	return writeJSON(d.path, d.by)
}

// info is a disk as an inspection reports it.
func (m *machine) info(i int) diskInfo {
	d := m.Disks[i]
	return diskInfo{Name: deviceName(i), Model: product + " disk", Serial: d.Serial, WWN: wwn(m.UUID, d.Serial), Bytes: d.Bytes,
		Contents: slices.Clone(m.disks.get(d.Serial).Contents)}
}

func deviceName(i int) string { return "/dev/vd" + string(rune('a'+i)) }

// wwn is an NAA type 3 name, which everybody may give as he likes (FC-FS-3 §15.2).
func wwn(uuid, serial string) string {
	h := sha256.Sum256([]byte(uuid + "/" + serial))
	return "naa.3" + hex.EncodeToString(h[:8])[1:]
}

// pick returns the one disk that a serial number or WWN selects; an empty
// selector is enough only where there is a single disk.
func (m *machine) pick(selector string) (diskInfo, error) {
	var found []diskInfo
	var all []string
	for i := range m.Disks {
		d := m.info(i)
		all = append(all, fmt.Sprintf("%s (serial %s, WWN %s)", d.Name, d.Serial, d.WWN))
		if selector == d.Serial || selector == d.WWN || selector == "" && len(m.Disks) == 1 {
			found = append(found, d)
		}
	}
	if len(found) != 1 {
		return diskInfo{}, fmt.Errorf("the system disk %q is not one of: %s", selector, strings.Join(all, "; "))
	}
	return found[0], nil
}

// label is the name that an install gives its root partition.
func label(rack string, run uint) string {
	tail := fmt.Sprintf("-%d", run)
	name := "sandai-" + rack
	return name[:min(len(name), 36-len(tail))] + tail
}

// layout is what is on a disk that a run has written.
func layout(label string) []string {
	return []string{"gpt", "partition 1 bios", "partition 2 esp", "partition 3 " + label + " ext4 root"}
}

// laidOut reports whether the run with this label laid a disk out; in a label
// for the rack "*" that part may be anything.
func laidOut(contents []string, label string) bool {
	return slices.ContainsFunc(contents, func(c string) bool {
		f := strings.Fields(c)
		if len(f) < 3 || f[0] != "partition" || f[1] != "3" {
			return false
		}
		ok, _ := path.Match(label, f[2])
		return ok
	})
}

// mayErase returns what would be lost, unless the disk is blank, a person has
// confirmed, or this very run laid it out.
func mayErase(d diskInfo, confirmed bool, label string) error {
	if confirmed || len(d.Contents) == 0 || laidOut(d.Contents, label) {
		return nil
	}
	return fmt.Errorf("%s is not blank: %s. Nothing was touched; start the install with the confirmation to erase it, or name another disk in rack.yaml",
		d.Name, strings.Join(d.Contents, "; "))
}

// asConfirmed returns an error if a disk is not the one that a person saw when
// confirming; as the real ramdisk has it.
func asConfirmed(confirmed []confirmedDisk, use string, d diskInfo, label string) error {
	for _, c := range confirmed {
		if c.Use != use {
			continue
		}
		if c.Serial == d.Serial && c.WWN == d.WWN && c.Bytes == d.Bytes &&
			(c.Used || len(d.Contents) == 0 || laidOut(d.Contents, label) || slices.Equal(c.Contents, d.Contents)) {
			continue
		}
		return fmt.Errorf("%s, the disk for %s, is not as it was when the install was confirmed: it was serial %q, %d bytes, with %s, and is serial %q, %d bytes, with %s. Nothing was touched; look at the preview again and confirm that, or put the disk back",
			d.Name, use, c.Serial, c.Bytes, orBlank(c.Contents), d.Serial, d.Bytes, orBlank(d.Contents))
	}
	return nil
}
