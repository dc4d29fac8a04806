package cloud

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/attachments"
	"github.com/gophercloud/gophercloud/v2/openstack/blockstorage/v3/volumes"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/volumeattach"
)

// volumeSize is the proof's volume in GiB.
const volumeSize = 1

func (c *Cloud) proveVolume(ctx context.Context, s *session, progress func(string)) (Result, error) {
	if !c.cfg.HasVolumes {
		return Result{Summary: "the rack has no disk for volumes, so there is nothing to prove"}, nil
	}
	list, _, err := c.reachable(ctx, s)
	if err != nil {
		return Result{}, err
	}
	cc, err := s.compute()
	if err != nil {
		return Result{}, err
	}
	vc, err := s.volume()
	if err != nil {
		return Result{}, err
	}
	out := Result{}
	var parts []string
	for _, g := range list {
		begin := time.Now()
		v, made, err := c.ensureVolume(ctx, vc, g.name, progress)
		out.Changed = out.Changed || made
		if err != nil {
			return out, err
		}
		created := time.Since(begin)
		begin = time.Now()
		device, err := c.attach(ctx, cc, vc, v.ID, g, progress)
		if err != nil {
			return out, err
		}
		attached := time.Since(begin)
		out.Changed = true // the marker is written each time
		text, err := c.writeAndRead(ctx, g, device, progress)
		out.Output += text
		if err != nil {
			return out, err
		}
		parts = append(parts, fmt.Sprintf("%d GiB made in %s, attached to %s as %s in %s, %d bytes written and read back", volumeSize, seconds(created), g.name, device, seconds(attached), markerSize))
	}
	out.Summary = join(parts)
	return out, nil
}

func findVolume(ctx context.Context, vc *gophercloud.ServiceClient, name string) (*volumes.Volume, error) {
	list, err := listAll(ctx, volumes.List(vc, volumes.ListOpts{Name: name}), volumes.ExtractVolumes)
	if err != nil {
		return nil, fmt.Errorf("look for volume %s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	return &list[0], nil
}

// ensureVolume makes a volume and waits until Cinder has it; one that failed in
// an earlier run is replaced.
func (c *Cloud) ensureVolume(ctx context.Context, vc *gophercloud.ServiceClient, name string, progress func(string)) (*volumes.Volume, bool, error) {
	v, err := findVolume(ctx, vc, name)
	if err != nil {
		return nil, false, err
	}
	if v != nil && strings.HasPrefix(v.Status, "error") {
		progress(fmt.Sprintf("volume %s is in %s from an earlier run; it is removed", name, v.Status))
		if err := volumes.Delete(ctx, vc, v.ID, volumes.DeleteOpts{}).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return nil, false, fmt.Errorf("remove volume %s: %w", name, err)
		}
		err := c.poll(ctx, "removal of volume "+name, progress, func() (bool, string, error) {
			v, err = findVolume(ctx, vc, name)
			return v == nil, "there", err
		})
		if err != nil {
			return nil, false, err
		}
	}
	made := v == nil
	if made {
		if v, err = volumes.Create(ctx, vc, volumes.CreateOpts{Name: name, Size: volumeSize}, nil).Extract(); err != nil {
			return nil, false, fmt.Errorf("make volume %s: %w", name, err)
		}
	}
	id := v.ID
	err = c.poll(ctx, "volume "+name, progress, func() (bool, string, error) {
		if v, err = volumes.Get(ctx, vc, id).Extract(); err != nil {
			return false, "", err
		}
		if strings.HasPrefix(v.Status, "error") {
			return false, "", fmt.Errorf("volume %s went into %s; see cinder-volume's log on the controller and the free space of its volume group, then run the step again: the volume will be replaced", name, v.Status)
		}
		return v.Status != "creating" && v.Status != "downloading", v.Status, nil
	})
	return v, made, err
}

// attachTries is how often an attachment is asked for that Nova drops again.
const attachTries = 3

// stuckLooks is how many looks a volume may be reserved without Nova knowing of
// an attachment before the reservation is taken for a dead one's.
const stuckLooks = 20

// attach attaches a volume, or goes on where a dead process stopped, and
// returns the device that Nova names.
func (c *Cloud) attach(ctx context.Context, cc, vc *gophercloud.ServiceClient, volume string, g guest, progress func(string)) (string, error) {
	device, looks, asked := "", 0, 0
	err := c.poll(ctx, "attachment to "+g.name, progress, func() (bool, string, error) {
		v, err := volumes.Get(ctx, vc, volume).Extract()
		if err != nil {
			return false, "", err
		}
		if strings.HasPrefix(v.Status, "error") {
			return false, "", fmt.Errorf("volume %s went into %s while it was attached to %s; see nova-compute's log on %s (iscsiadm) and cinder-volume's on the controller", v.Name, v.Status, g.name, g.node)
		}
		at, err := volumeattach.Get(ctx, cc, g.id, volume).Extract()
		known := err == nil
		if err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return false, "", fmt.Errorf("look for the attachment: %w", err)
		}
		switch {
		case v.Status == "in-use" && known:
			device = at.Device
			return true, "in-use as " + at.Device, nil
		case v.Status == "in-use":
			return false, "", fmt.Errorf("volume %s is attached to another server; detach it and run the step again", v.Name)
		case v.Status == "available" && !known && asked == attachTries:
			return false, "", fmt.Errorf("volume %s: Nova gave up attaching it to %s %d times; see nova-compute's log on %s (iscsiadm) and tgt's on the controller", v.Name, g.name, asked, g.node)
		case v.Status == "available" && !known:
			asked++
			if _, err := volumeattach.Create(ctx, cc, g.id, volumeattach.CreateOpts{VolumeID: volume}).Extract(); err != nil {
				return false, "", fmt.Errorf("attach volume %s to %s: %w", v.Name, g.name, err)
			}
		case (v.Status == "reserved" || v.Status == "attaching") && !known:
			if looks++; looks == stuckLooks {
				progress(fmt.Sprintf("volume %s is %s by nobody; it is freed", v.Name, v.Status))
				return false, "", freeVolume(ctx, vc, volume)
			}
		}
		return false, v.Status, nil
	})
	return device, err
}

// freeVolume drops the reservations of a volume.
func freeVolume(ctx context.Context, vc *gophercloud.ServiceClient, volume string) error {
	list, err := listAll(ctx, attachments.List(vc, attachments.ListOpts{VolumeID: volume}), attachments.ExtractAttachments)
	if err != nil {
		return fmt.Errorf("look for Cinder's attachments: %w", err)
	}
	for _, a := range list {
		if err := attachments.Delete(ctx, vc, a.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return fmt.Errorf("drop Cinder's attachment: %w", err)
		}
	}
	return nil
}

// markerSize is how many bytes are written in the guest.
const markerSize = 8192

// writeAndRead has the guest write random bytes to the volume and read them
// back from it, not from its memory.
func (c *Cloud) writeAndRead(ctx context.Context, g guest, device string, progress func(string)) (string, error) {
	sh, err := c.guestShell(ctx, g, progress)
	if err != nil {
		return "", err
	}
	defer sh.close()
	var listing, dev string
	err = c.poll(ctx, "volume in "+g.name, progress, func() (bool, string, error) {
		if listing, err = sh.run(ctx, "cat /proc/partitions", nil); err != nil {
			return false, "", err
		}
		dev = findDisk(listing, path.Base(device), volumeSize<<20)
		return dev != "", "not there", nil
	})
	if err != nil {
		return listing, err
	}
	raw := make([]byte, markerSize/2)
	rand.Read(raw)
	marker := []byte(hex.EncodeToString(raw))
	write := "dd of=/dev/" + dev + " bs=4096 && sync && echo 3 > /proc/sys/vm/drop_caches"
	if _, err := sh.run(ctx, write, bytes.NewReader(marker)); err != nil {
		return listing, fmt.Errorf("write to the volume: %w", err)
	}
	got, err := sh.run(ctx, fmt.Sprintf("dd if=/dev/%s bs=4096 count=%d", dev, markerSize/4096), nil)
	if err != nil {
		return listing, fmt.Errorf("read the volume: %w", err)
	}
	if got != string(marker) {
		return listing, fmt.Errorf("the guest wrote %d bytes to /dev/%s and read %d others back: the volume does not keep what is written; see tgt's and cinder-volume's logs on the controller", len(marker), dev, len(got))
	}
	return listing, nil
}

// findDisk picks the volume out of /proc/partitions: the disk by Nova's name if
// its size in KiB fits, else the one whole disk of that size that is not the
// first, since guests name disks as they like.
func findDisk(partitions, name string, kib int) string {
	found := ""
	for line := range strings.Lines(partitions) {
		f := strings.Fields(line)
		if len(f) != 4 || f[2] != strconv.Itoa(kib) {
			continue
		}
		if f[3] == name {
			return name
		}
		if len(f[3]) == 3 && f[3][2] != 'a' {
			found = f[3]
		}
	}
	return found
}
