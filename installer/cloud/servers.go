package cloud

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"golang.org/x/crypto/ssh"

	"sandai/installer/guide/kind"
	"sandai/inventory"
)

// Names of what the proof makes.
const (
	proofKey    = "sandai-proof"     // key pair in Nova
	proofSecret = "sandai-proof-key" // its private half in the key store, PEM
	proofPrefix = "sandai-proof-"    // servers and volumes: prefix and the compute node's name
)

// signer is the proof's key, made at its first use.
func (c *Cloud) signer(ctx context.Context) (ssh.Signer, error) {
	text, err := c.cfg.Keys.Ensure(ctx, proofSecret, func() (string, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return "", err
		}
		block, err := ssh.MarshalPrivateKey(key, proofKey)
		if err != nil {
			return "", err
		}
		return string(pem.EncodeToMemory(block)), nil
	})
	if err != nil {
		return nil, fmt.Errorf("the proof's ssh key: %w", err)
	}
	k, err := ssh.ParsePrivateKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("the proof's ssh key cannot be read; remove the secret %s and run the step again: %w", proofSecret, err)
	}
	return k, nil
}

func (c *Cloud) ensureKeyPair(ctx context.Context, cc *gophercloud.ServiceClient) (bool, error) {
	k, err := c.signer(ctx)
	if err != nil {
		return false, err
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey())))
	have, err := keypairs.Get(ctx, cc, proofKey, nil).Extract()
	switch {
	case err == nil && strings.HasPrefix(have.PublicKey, public):
		return false, nil
	case err == nil:
		if err := keypairs.Delete(ctx, cc, proofKey, nil).ExtractErr(); err != nil {
			return false, fmt.Errorf("remove the old key pair %s: %w", proofKey, err)
		}
	case !gophercloud.ResponseCodeIs(err, 404):
		return false, fmt.Errorf("look for key pair %s: %w", proofKey, err)
	}
	if _, err := keypairs.Create(ctx, cc, keypairs.CreateOpts{Name: proofKey, PublicKey: public}).Extract(); err != nil {
		return false, fmt.Errorf("make key pair %s: %w", proofKey, err)
	}
	return true, nil
}

func (c *Cloud) proveServers(ctx context.Context, s *session, p kind.APIProof, progress func(string)) (Result, error) {
	cc, err := s.compute()
	if err != nil {
		return Result{}, err
	}
	opts, err := c.serverOpts(ctx, s, cc, p)
	if err != nil {
		return Result{}, err
	}
	changed, err := c.ensureKeyPair(ctx, cc)
	if err != nil {
		return Result{}, err
	}
	var w *watch
	for _, node := range c.cfg.Computes {
		made, j, err := c.ensureServer(ctx, cc, opts, node, progress)
		if err != nil {
			return Result{Changed: changed}, err
		}
		changed = changed || made
		if w == nil && j.ID != "" {
			w = c.startWatch(ctx, cc, j) // the first alone: its way is shown
		}
	}
	if w != nil {
		w.follow(progress)
	}
	// All of them start side by side; they are waited for in turn.
	var parts []string
	for _, node := range c.cfg.Computes {
		v, err := c.awaitServer(ctx, cc, node, progress)
		if err != nil {
			return Result{Changed: changed}, err
		}
		parts = append(parts, fmt.Sprintf("%s ACTIVE on %s %s after it was asked for", v.Name, node, seconds(v.LaunchedAt.Sub(v.Created))))
	}
	return Result{Changed: changed, Summary: join(parts)}, nil
}

// serverOpts are what all servers of the proof have in common.
func (c *Cloud) serverOpts(ctx context.Context, s *session, cc *gophercloud.ServiceClient, p kind.APIProof) (servers.CreateOpts, error) {
	var o servers.CreateOpts
	im, err := s.image()
	if err != nil {
		return o, err
	}
	nc, err := s.network()
	if err != nil {
		return o, err
	}
	image, err := findImage(ctx, im, p.Image)
	if err != nil {
		return o, err
	}
	flavor, err := findFlavor(ctx, cc, p.Flavor)
	if err != nil {
		return o, err
	}
	n, err := mustNetwork(ctx, nc, p.Network)
	if err != nil {
		return o, err
	}
	if image == nil || flavor == nil {
		return o, fmt.Errorf("image %s or flavor %s is not there; their steps must come first", p.Image, p.Flavor)
	}
	drive := true
	return servers.CreateOpts{ImageRef: image.ID, FlavorRef: flavor.ID, ConfigDrive: &drive, Networks: []servers.Network{{UUID: n.ID}}}, nil
}

// findServer returns the proof's server of a compute node, or nil.
func findServer(ctx context.Context, cc *gophercloud.ServiceClient, node string) (*servers.Server, error) {
	name := proofPrefix + node
	// Nova reads the name as a regular expression.
	list, err := listAll(ctx, servers.List(cc, servers.ListOpts{Name: "^" + name + "$"}), servers.ExtractServers)
	if err != nil {
		return nil, fmt.Errorf("look for server %s: %w", name, err)
	}
	for i := range list {
		if list[i].Name == name {
			return &list[i], nil
		}
	}
	return nil, nil
}

// mustServer finds a server that the check "servers" made.
func mustServer(ctx context.Context, cc *gophercloud.ServiceClient, node string) (*servers.Server, error) {
	v, err := findServer(ctx, cc, node)
	if err == nil && v == nil {
		err = fmt.Errorf("there is no server %s%s; run the proof's check servers again", proofPrefix, node)
	}
	return v, err
}

// ensureServer asks for a node's server; one that failed in an earlier run is
// replaced. The journey has an ID when the server is on its way.
func (c *Cloud) ensureServer(ctx context.Context, cc *gophercloud.ServiceClient, o servers.CreateOpts, node string, progress func(string)) (made bool, j inventory.Journey, err error) {
	name := proofPrefix + node
	v, err := findServer(ctx, cc, node)
	if err != nil {
		return false, j, err
	}
	if v != nil && v.Status == "ERROR" {
		progress(fmt.Sprintf("server %s is in ERROR from an earlier run; it is removed", name))
		if err := servers.Delete(ctx, cc, v.ID).ExtractErr(); err != nil && !gophercloud.ResponseCodeIs(err, 404) {
			return false, j, fmt.Errorf("remove server %s: %w", name, err)
		}
		err := c.poll(ctx, "removal of server "+name, progress, func() (bool, string, error) {
			v, err = findServer(ctx, cc, node)
			return v == nil, "there", err
		})
		if err != nil {
			return false, j, err
		}
	}
	j = inventory.Journey{Server: name, Node: node}
	if v != nil {
		if v.Status == "BUILD" { // an earlier process asked for it
			j.ID = v.ID
		}
		return false, j, nil
	}
	o.Name, o.AvailabilityZone = name, "nova:"+node // the zone's form that names the host
	err = c.launch(ctx, o, &j)
	return err == nil, j, err
}

// launch makes a server the way a person would: a log-in, then the request. What
// the client sees of both goes into the journey.
func (c *Cloud) launch(ctx context.Context, o servers.CreateOpts, j *inventory.Journey) error {
	login := time.Now()
	c.forget()
	s, err := c.login(ctx)
	if err != nil {
		return err
	}
	token := time.Now()
	cc, err := s.compute()
	if err != nil {
		return err
	}
	ask := time.Now()
	r := servers.Create(ctx, cc, keypairs.CreateOptsExt{CreateOptsBuilder: o, KeyName: proofKey}, nil)
	v, err := r.Extract()
	if err != nil {
		return fmt.Errorf("make server %s: %w", o.Name, err)
	}
	j.ID = v.ID
	j.Steps = []inventory.JourneyStep{markOf(markLogin, login, "POST /v3/auth/tokens"), markOf(markToken, token, "201, a token"),
		markOf(markAsk, ask, "POST /v2.1/servers"), markOf(markAccepted, time.Now(), "202, request "+r.Header.Get("X-Compute-Request-Id"))}
	if id := r.Header.Get("X-Compute-Request-Id"); id != "" {
		j.Requests = []string{id}
	}
	return nil
}

func (c *Cloud) awaitServer(ctx context.Context, cc *gophercloud.ServiceClient, node string, progress func(string)) (*servers.Server, error) {
	v, err := mustServer(ctx, cc, node)
	if err != nil {
		return nil, err
	}
	name, id := v.Name, v.ID
	err = c.poll(ctx, "server "+name, progress, func() (bool, string, error) {
		if v, err = servers.Get(ctx, cc, id).Extract(); err != nil {
			return false, "", err
		}
		if v.Status == "ERROR" {
			return false, "", fmt.Errorf("server %s went into ERROR: %s %s; see nova-compute's log on %s, then run the step again: the server will be replaced", name, v.Fault.Message, firstLines(v.Fault.Details, 5), node)
		}
		return v.Status == "ACTIVE", strings.TrimSpace(v.Status + " " + v.TaskState), nil
	})
	if err != nil {
		return nil, err
	}
	if !sameHost(v.HypervisorHostname, node) {
		return nil, fmt.Errorf("server %s runs on %s, not on %s; delete it and run the step again", name, v.HypervisorHostname, node)
	}
	return v, nil
}

func firstLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[:min(n, len(lines))], " / ")
}
