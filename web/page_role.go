package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/inventory/rackfile"
	"sandai/web/page"
)

func (s *server) rolePages(r *gin.Engine) {
	r.GET("/racks/:rack/nodes/:node/role", func(c *gin.Context) {
		if f, d, ok := s.roleData(c, inventory.Role(c.Query("role"))); ok {
			s.show(c, http.StatusOK, "role", f, page.RoleForm(d))
		}
	})
	r.POST("/racks/:rack/nodes/:node/role", s.roleAction)
}

// roleData is what the form of a node is drawn from; where it cannot be had, the
// error's page is drawn and ok is false.
func (s *server) roleData(c *gin.Context, role inventory.Role) (f page.Frame, d page.RoleData, ok bool) {
	rack, node := c.Param("rack"), c.Param("node")
	f, err := s.frame(c, "rack", rack, page.Text{EN: "Role of " + node, JA: node + " のロール"})
	if err == nil {
		err = s.roleFacts(c, rack, node, role, &d)
	}
	if err != nil {
		s.problem(c, f, err)
		return f, d, false
	}
	f.URL = rolePath(rack, node) + "?role=" + url.QueryEscape(string(d.Role))
	return f, d, true
}

func (s *server) roleFacts(c *gin.Context, rack, node string, role inventory.Role, d *page.RoleData) error {
	l, err := s.looked(c, rack)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(l.rack.Nodes, func(n inventory.Node) bool { return n.Name == node })
	if i < 0 {
		return inventory.Errorf(inventory.NotFound, "there is no node %s in rack %s: it may have another name by now, see the rack", node, rack)
	}
	d.Rack, d.Node, d.Role = l.rack, l.rack.Nodes[i], role
	if d.Fits, err = s.Control.Fits(c.Request.Context(), rack, node); err != nil {
		return err
	}
	if !slices.ContainsFunc(d.Fits, func(f inventory.Fitness) bool { return f.Role == role }) {
		d.Role = page.SuggestRole(d.Rack, d.Node, d.Fits)
	}
	d.Proposed, err = s.Control.Propose(c.Request.Context(), rack, node, d.Role)
	return err
}

func rolePath(rack, node string) string {
	return rackPath(rack) + "/nodes/" + url.PathEscape(node) + "/role"
}

// roleAction gives a node a role, or takes it away.
func (s *server) roleAction(c *gin.Context) {
	rack, node := c.Param("rack"), c.Param("node")
	if c.PostForm("take") == "yes" {
		s.setRole(c, rack, node, inventory.RoleRequest{}, nil)
		return
	}
	typed := map[string]string{}
	for _, name := range []string{"name", "address", "firmware", "system_disk", "volume_disk", "provider_mac", "bmc_kind", "bmc_address", "bmc_port", "bmc_user", "anyway"} {
		typed[name] = strings.TrimSpace(c.PostForm(name))
	}
	role := inventory.Role(c.PostForm("role"))
	fits, err := s.Control.Fits(c.Request.Context(), rack, node)
	if err != nil {
		s.roleRefused(c, role, typed, nil, err)
		return
	}
	i := slices.IndexFunc(fits, func(f inventory.Fitness) bool { return f.Role == role })
	switch {
	case i < 0:
		s.roleRefused(c, role, typed, nil, inventory.Errorf(inventory.Invalid, "nothing was changed: there is no role %q; choose one of those shown", role))
		return
	case !fits[i].Fits:
		s.roleRefused(c, role, typed, nil, inventory.Errorf(inventory.Invalid, "nothing was changed: %s cannot be a %s: %s", node, role, reasons(fits[i].Misfits)))
		return
	case len(fits[i].Misfits) > 0 && typed["anyway"] != "yes":
		s.roleRefused(c, role, typed, map[string]string{"anyway": "nothing was changed: " + reasons(fits[i].Misfits) + ". Tick this to give the role all the same."}, nil)
		return
	}
	req, wrong := requestOf(role, typed, c.PostForm("bmc_password"))
	if wrong != nil {
		s.roleRefused(c, role, typed, wrong, nil)
		return
	}
	s.setRole(c, rack, node, req, typed)
}

func reasons(misfits []inventory.Misfit) string {
	var out []string
	for _, m := range misfits {
		out = append(out, m.Text)
	}
	return strings.Join(out, "; ")
}

// requestOf makes a request of what was typed; wrong says by field what cannot
// be one.
func requestOf(role inventory.Role, typed map[string]string, password string) (req inventory.RoleRequest, wrong map[string]string) {
	req = inventory.RoleRequest{Role: role, Name: typed["name"], Address: typed["address"], Firmware: inventory.Firmware(typed["firmware"]),
		SystemDisk: typed["system_disk"], VolumeDisk: typed["volume_disk"], ProviderMAC: typed["provider_mac"], BMCPassword: password}
	if typed["bmc_address"] == "" {
		if typed["bmc_user"] != "" || password != "" {
			return req, map[string]string{"bmc_address": "is missing: without its address the BMC cannot be reached"}
		}
		return req, nil
	}
	req.BMC = &inventory.BMCRequest{Kind: typed["bmc_kind"], Address: typed["bmc_address"], User: typed["bmc_user"]}
	if p := typed["bmc_port"]; p != "" {
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 65535 {
			return req, map[string]string{"bmc_port": "is " + strconv.Quote(p) + ", expected a port from 1 to 65535; empty, 623 for IPMI and 443 for Redfish"}
		}
		req.BMC.Port = n
	}
	return req, nil
}

func (s *server) setRole(c *gin.Context, rack, node string, req inventory.RoleRequest, typed map[string]string) {
	n, err := s.Control.SetRole(c.Request.Context(), rack, node, req)
	if err != nil {
		s.roleRefused(c, req.Role, typed, fieldErrors(err, req.Name+"'s "), err)
		return
	}
	c.Redirect(http.StatusSeeOther, rackPath(rack)+"?node="+url.QueryEscape(n.Name))
}

// roleRefused draws the form again with what was typed and what was wrong.
func (s *server) roleRefused(c *gin.Context, role inventory.Role, typed, wrong map[string]string, err error) {
	status := http.StatusUnprocessableEntity
	if err != nil {
		status = errorOf(err).status
	}
	f, d, ok := s.roleData(c, role)
	if !ok {
		return
	}
	if err != nil {
		f.Problem = err.Error()
	}
	d.Typed, d.Errors = typed, wrong
	s.show(c, status, "role", f, page.RoleForm(d))
}

// fieldErrors sorts the mistakes that an error tells of by the fields of a form:
// "node-1's nics.provider" is its field "provider_mac", "networks.provider.cidr"
// its field "provider_cidr". What belongs to no field is not among them.
func fieldErrors(err error, prefix string) map[string]string {
	var all rackfile.Problems
	if !errors.As(err, &all) {
		return nil
	}
	out := map[string]string{}
	for _, p := range all {
		field, ours := strings.CutPrefix(p.Field, prefix)
		if !ours {
			continue
		}
		switch {
		case field == "nics.provider":
			field = "provider_mac"
		case strings.HasPrefix(field, "ssh_keys"):
			field = "ssh_keys"
		default:
			field = strings.ReplaceAll(strings.TrimPrefix(field, "networks."), ".", "_")
		}
		if out[field] != "" {
			out[field] += "; "
		}
		out[field] += p.Text
	}
	return out
}
