package images

import (
	"context"
	"os"
	"path/filepath"

	"sandai/inventory"
)

// role lets the agent bake in a layer on the base, and makes an image of both.
func (s *session) role(ctx context.Context, spec RoleSpec) (inventory.Image, error) {
	key := keyOf(spec.Name, s.baseKey(), spec.Bake, file("role.sh"))
	return s.image(ctx, spec.Name, key, func(ctx context.Context, j *journal, work string) (artefact, error) {
		r, err := s.roots()
		if err != nil {
			return artefact{}, err
		}
		debs, done, err := s.debs(filepath.Join(work, "debs"))
		if err != nil {
			return artefact{}, err
		}
		plan, agent := filepath.Join(work, "bake.json"), filepath.Join(work, "agent")
		if err := os.WriteFile(plan, spec.Bake, 0o600); err != nil {
			return artefact{}, err
		}
		// A copy: the binary may be built anew meanwhile.
		if err := copyFile(agent, s.Agent, 0o755); err != nil {
			return artefact{}, err
		}
		layer := filepath.Join(work, "layer")
		net, err := s.gateway(ctx)
		if err != nil {
			return artefact{}, err
		}
		defer net.Close()
		c := cell{layers: []string{r.base, layer}, work: filepath.Join(work, "bake"), net: net,
			mounts: []mount{{debs, archivesDir}, {agent, "/run/sandai/agent"}, {plan, "/run/sandai/bake.json"}}}
		if err := s.script(ctx, j, c, "role.sh"); err != nil {
			return artefact{}, err
		}
		if err := done(); err != nil {
			return artefact{}, err
		}
		if err := s.script(ctx, j, c, "clean.sh", s.epoch()); err != nil {
			return artefact{}, err
		}
		return s.seal(ctx, j, r, work, spec.Name, key, rootLabel, []string{r.base, layer})
	})
}
