package page

import (
	"slices"
	"time"

	"sandai/inventory"
)

// ImagesData is what the images' page is drawn from.
type ImagesData struct {
	Images []inventory.Image // those that are there
	Names  []string          // those that can be built, in the order of the work
	Build  inventory.ImageBuild
	Now    time.Time
}

// ImagesView is the images' page.
type ImagesView struct {
	Rows    []ImageRow
	Missing int // of those that can be built
	Build   *BuildView
}

// ImageRow is one image; Image is nil where it was not built yet.
type ImageRow struct {
	Name  string
	What  Text
	Image *inventory.Image
	Can   bool // it can be built here
}

// BuildView is the build under way or the last one.
type BuildView struct {
	Lamp    Lamp
	Active  bool
	By      string
	Names   []string
	Started time.Time
	Seconds float64
	Error   string
	Works   []WorkRow
	Output  []inventory.ImageWords
}

// WorkRow is how far one image is.
type WorkRow struct {
	inventory.ImageWork
	Lamp    Lamp
	Seconds float64
}

var imageWhat = map[string]Text{
	"base":            {"what all roles are built on", "全ロール共通の土台"},
	"role-controller": {"root file system of controllers", "controller のルートファイルシステム"},
	"role-compute":    {"root file system of compute nodes", "compute のルートファイルシステム"},
	"role-network":    {"root file system of network nodes", "network のルートファイルシステム"},
	"deploy-kernel":   {"kernel that servers boot for inspection and installation", "調査と導入のために起動するカーネル"},
	"deploy-ramdisk":  {"ramdisk with the agent that writes the disks", "ディスクに書き込むエージェント入り ramdisk"},
	"undionly.kpxe":   {"boot loader for BIOS", "BIOS 用ブートローダー"},
	"ipxe.efi":        {"boot loader for UEFI", "UEFI 用ブートローダー"},
	"guest-tiny":      {"small guest of the proof", "動作証明用の小さなゲスト"},
	"guest-debian":    {"Debian guest with cloud-init", "cloud-init 入りの Debian ゲスト"},
}

var workLamps = map[inventory.ImageWorkState]Lamp{
	inventory.ImageKept:     {"●", Text{"up to date", "最新"}, "good"},
	inventory.ImageBuilding: {"◔", Text{"building", "ビルド中"}, "busy"},
	inventory.ImageBuilt:    {"●", Text{"built", "完了"}, "good"},
	inventory.ImageFailed:   {"✕", Text{"failed", "失敗"}, "bad"},
}

// ImagesPage makes the view. It is pure.
func ImagesPage(d ImagesData) ImagesView {
	var v ImagesView
	have := map[string]*inventory.Image{}
	names := slices.Clone(d.Names)
	for i := range d.Images {
		have[d.Images[i].Name] = &d.Images[i]
		if !slices.Contains(names, d.Images[i].Name) {
			names = append(names, d.Images[i].Name)
		}
	}
	for _, n := range names {
		r := ImageRow{Name: n, What: imageWhat[n], Image: have[n], Can: slices.Contains(d.Names, n)}
		if r.Image == nil {
			v.Missing++
		}
		v.Rows = append(v.Rows, r)
	}
	if d.Build.Started != nil {
		v.Build = buildView(d)
	}
	return v
}

func buildView(d ImagesData) *BuildView {
	b := d.Build
	v := &BuildView{Active: b.Active, By: b.By, Names: b.Names, Started: *b.Started, Error: b.Error, Output: b.Output}
	end := d.Now
	if b.Ended != nil {
		end = *b.Ended
	}
	v.Seconds = max(0, end.Sub(*b.Started).Seconds())
	switch {
	case b.Active:
		v.Lamp = Lamp{"◔", Text{"Building", "ビルド中"}, "busy"}
	case b.Error != "":
		v.Lamp = Lamp{"✕", Text{"The last build failed", "前回のビルドは失敗"}, "bad"}
	default:
		v.Lamp = Lamp{"●", Text{"The last build is done", "前回のビルドは完了"}, "good"}
	}
	for _, w := range b.Images {
		r := WorkRow{ImageWork: w, Lamp: workLamps[w.State], Seconds: w.Seconds}
		if w.State == inventory.ImageBuilding {
			r.Seconds = max(0, d.Now.Sub(w.Started).Seconds())
		}
		v.Works = append(v.Works, r)
	}
	return v
}
