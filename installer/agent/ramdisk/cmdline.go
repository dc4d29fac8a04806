package ramdisk

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// params is what the appliance says on the kernel's command line (docs/design.md).
type params struct {
	node, nonce string
	mac         string       // of the NIC on the provisioning network, lower case
	address     netip.Prefix // for that NIC
	url         string       // of the agent API
}

func parseCmdline(line string) (params, error) {
	got := map[string]string{}
	for f := range strings.FieldsSeq(line) {
		if k, v, ok := strings.Cut(f, "="); ok {
			got[k] = v
		}
	}
	var errs []error
	for _, k := range []string{"node", "nonce", "mac", "address", "url"} {
		if got["sandai."+k] == "" {
			errs = append(errs, fmt.Errorf("sandai.%s is missing on the kernel's command line", k))
		}
	}
	p := params{node: got["sandai.node"], nonce: got["sandai.nonce"], url: strings.TrimSuffix(got["sandai.url"], "/")}
	if len(errs) > 0 {
		return p, errors.Join(errs...)
	}
	mac, err := net.ParseMAC(got["sandai.mac"])
	if err != nil {
		return p, fmt.Errorf("sandai.mac: %w", err)
	}
	p.mac = mac.String()
	if p.address, err = netip.ParsePrefix(got["sandai.address"]); err != nil {
		return p, fmt.Errorf("sandai.address: %w", err)
	}
	return p, nil
}
