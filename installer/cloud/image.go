package cloud

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/imagedata"
	"github.com/gophercloud/gophercloud/v2/openstack/image/v2/images"

	"sandai/installer/guide/kind"
)

// digestProperty is the image property that holds the SHA-256 of the bytes that
// the appliance uploaded, by which it knows them again.
const digestProperty = "sandai_digest"

func (c *Cloud) doImage(ctx context.Context, s *session, a kind.APIImage, progress func(string)) (Result, error) {
	im, err := s.image()
	if err != nil {
		return Result{}, err
	}
	data, meta, err := c.cfg.Images.Open(ctx, a.From)
	if err != nil {
		return Result{}, permanent{fmt.Errorf("image %s: %w", a.Name, err)}
	}
	defer data.Close()
	found, err := findImage(ctx, im, a.Name)
	if err != nil {
		return Result{}, err
	}
	if found != nil && !usable(found, meta.RawDigest) {
		progress(fmt.Sprintf("image %s is %s and of no use; it is removed", a.Name, found.Status))
		if err := images.Delete(ctx, im, found.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return Result{}, fmt.Errorf("remove image %s: %w", a.Name, err)
		}
		found = nil
	}
	if found != nil && found.Status == images.ImageStatusActive {
		return Result{Summary: fmt.Sprintf("%s, %d bytes", did(false, "image "+a.Name), found.SizeBytes)}, nil
	}
	if found == nil {
		if found, err = createImage(ctx, im, a, meta.RawDigest); err != nil {
			return Result{}, err
		}
	}
	begin := time.Now()
	progress(fmt.Sprintf("image %s: %d bytes are uploaded", a.Name, meta.RawSize))
	if err := imagedata.Upload(ctx, im, found.ID, data).ExtractErr(); err != nil {
		return Result{Changed: true}, fmt.Errorf("upload image %s: %w", a.Name, err)
	}
	took := time.Since(begin)
	err = c.poll(ctx, "image "+a.Name, progress, func() (bool, string, error) {
		if found, err = images.Get(ctx, im, found.ID).Extract(); err != nil {
			return false, "", err
		}
		if found.Status == images.ImageStatusKilled || found.Status == images.ImageStatusDeleted {
			return false, "", fmt.Errorf("image %s became %s: Glance did not keep it; see glance-api's log and the controller's free space", a.Name, found.Status)
		}
		return found.Status == images.ImageStatusActive, string(found.Status), nil
	})
	if err != nil {
		return Result{Changed: true}, err
	}
	if meta.RawSize > 0 && found.SizeBytes != meta.RawSize {
		return Result{Changed: true}, fmt.Errorf("image %s: Glance has %d bytes and the store %d; delete the image and run the step again", a.Name, found.SizeBytes, meta.RawSize)
	}
	return Result{Changed: true, Summary: fmt.Sprintf("image %s uploaded, %d bytes in %s", a.Name, found.SizeBytes, seconds(took))}, nil
}

// usable reports whether an image is the one wanted, or an empty one that can
// take the bytes. An image without our digest is a person's and is left alone.
func usable(i *images.Image, digest string) bool {
	have, ours := i.Properties[digestProperty].(string)
	switch i.Status {
	case images.ImageStatusActive:
		return !ours || have == digest
	case images.ImageStatusQueued:
		return have == digest
	}
	return false
}

func findImage(ctx context.Context, im *gophercloud.ServiceClient, name string) (*images.Image, error) {
	list, err := listAll(ctx, images.List(im, images.ListOpts{Name: name}), images.ExtractImages)
	if err != nil {
		return nil, fmt.Errorf("look for image %s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, nil
	}
	best := &list[0]
	for i := range list {
		if list[i].Status == images.ImageStatusActive {
			best = &list[i]
		}
	}
	return best, nil
}

func createImage(ctx context.Context, im *gophercloud.ServiceClient, a kind.APIImage, digest string) (*images.Image, error) {
	public := images.ImageVisibilityPublic
	props := maps.Clone(a.Properties)
	if props == nil {
		props = map[string]string{}
	}
	props[digestProperty] = digest
	made, err := images.Create(ctx, im, images.CreateOpts{Name: a.Name, DiskFormat: a.DiskFormat, ContainerFormat: "bare", Visibility: &public, Properties: props}).Extract()
	if err != nil {
		return nil, fmt.Errorf("make image %s: %w", a.Name, err)
	}
	return made, nil
}
