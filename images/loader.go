package images

import (
	"context"
	"fmt"
	"path/filepath"

	"sandai/inventory"
)

// loaderFiles says where Debian's package ipxe has each loader.
var loaderFiles = map[string]string{
	NameUndionly: "usr/lib/ipxe/undionly.kpxe",
	NameIPXE:     "usr/lib/ipxe/ipxe.efi",
}

// loader stores one of iPXE's loaders, as apt fetched and checked it.
func (s *session) loader(ctx context.Context, name string) (inventory.Image, error) {
	return s.image(ctx, name, keyOf(name, s.baseKey()), func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		path := filepath.Join(r.tools, loaderFiles[name])
		fmt.Fprintln(j, "from", loaderFiles[name], "of Debian's package ipxe")
		return artefact{path: path, format: "file"}, nil
	})
}
