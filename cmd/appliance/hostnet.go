package main

import (
	"context"

	"sandai/inventory"
	"sandai/pxe"
)

// hostNet looks at this host's network interfaces for the page.
type hostNet struct{}

func (hostNet) Interfaces(context.Context) ([]inventory.HostInterface, error) {
	return pxe.Interfaces()
}

func (hostNet) FindDHCP(ctx context.Context, name string) (*inventory.DHCPServer, error) {
	return pxe.FindDHCP(ctx, name, pxe.ProbeTime)
}

// WireProblem says why a rack's machines are not heard, "" where they are or
// where that is not known yet.
func (a *appliance) WireProblem(rack string) string {
	v, _ := a.wires.Load(rack)
	s, _ := v.(string)
	return s
}
