package guide

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"sandai/inventory"
)

// Bake returns what is done once while a role's image is built, in order, with
// every ${…} resolved against a fixed context: the controller is 127.0.0.1, the
// secrets are derived from their names and good for nothing. The same guide
// gives the same tasks, so their digest can be part of the image's key.
func (g *Guide) Bake(role inventory.Role) ([]inventory.Task, error) {
	rack := exampleRack("127.0.0.1")
	rack.Name = "image"
	var node *inventory.Node
	for i := range rack.Nodes {
		if rack.Nodes[i].Role == role {
			node = &rack.Nodes[i]
		}
	}
	if node == nil {
		return nil, inventory.Errorf(inventory.Invalid, "there is no role %q to bake", role)
	}
	specs := map[string]SecretSpec{}
	for _, s := range g.Secrets() {
		specs[s.Name] = s
	}
	v := NewValues(rack, node, func(name string) (string, error) { return throwaway(specs[name]), nil })
	var out []inventory.Task
	for i := range g.Chapters {
		c := &g.Chapters[i]
		for j := range c.Steps {
			s := &c.Steps[j]
			if s.Bake == NotBaked || !s.For(role) {
				continue
			}
			spec, _, err := Resolve(s.Spec, v)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: bake step %s: %w", c.File, s.Line, s.ID, err)
			}
			out = append(out, inventory.Task{
				Key: string(role) + "/" + c.Name + "/" + s.ID, Attempt: 1, Kind: s.Kind, Spec: spec,
				Timeout: s.seconds(true), Mask: []string{},
			})
		}
	}
	return out, nil
}

// throwaway is a secret for an image: it is overwritten on the node.
func throwaway(s SecretSpec) string {
	sum := sha256.Sum256([]byte("throwaway " + s.Name))
	switch s.Generator {
	case "fernet":
		return base64.URLEncoding.EncodeToString(sum[:])
	case "hex32":
		return hex.EncodeToString(sum[:])
	}
	return "throwaway" + hex.EncodeToString(sum[:4])
}
