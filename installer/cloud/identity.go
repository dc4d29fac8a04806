package cloud

import (
	"context"
	"fmt"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/endpoints"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/services"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/users"

	"sandai/installer/guide/kind"
)

func (c *Cloud) doProject(ctx context.Context, s *session, p kind.APIProject) (Result, error) {
	id, err := s.identity()
	if err != nil {
		return Result{}, err
	}
	found, err := findProject(ctx, id, p.Name)
	if err != nil || found != "" {
		return Result{Summary: did(false, "project "+p.Name)}, err
	}
	if _, err := projects.Create(ctx, id, projects.CreateOpts{Name: p.Name, DomainID: defaultDomain}).Extract(); err != nil {
		return Result{}, fmt.Errorf("make project %s: %w", p.Name, err)
	}
	return Result{Changed: true, Summary: did(true, "project "+p.Name)}, nil
}

// findProject returns the ID of a project of the default domain, or "".
func findProject(ctx context.Context, id *gophercloud.ServiceClient, name string) (string, error) {
	list, err := listAll(ctx, projects.List(id, projects.ListOpts{Name: name, DomainID: defaultDomain}), projects.ExtractProjects)
	if err != nil {
		return "", fmt.Errorf("look for project %s: %w", name, err)
	}
	if len(list) == 0 {
		return "", nil
	}
	return list[0].ID, nil
}

func (c *Cloud) doRole(ctx context.Context, s *session, r kind.APIRole) (Result, error) {
	id, err := s.identity()
	if err != nil {
		return Result{}, err
	}
	found, err := findRole(ctx, id, r.Name)
	if err != nil || found != "" {
		return Result{Summary: did(false, "role "+r.Name)}, err
	}
	if _, err := roles.Create(ctx, id, roles.CreateOpts{Name: r.Name}).Extract(); err != nil {
		return Result{}, fmt.Errorf("make role %s: %w", r.Name, err)
	}
	return Result{Changed: true, Summary: did(true, "role "+r.Name)}, nil
}

func findRole(ctx context.Context, id *gophercloud.ServiceClient, name string) (string, error) {
	list, err := listAll(ctx, roles.List(id, roles.ListOpts{Name: name}), roles.ExtractRoles)
	if err != nil {
		return "", fmt.Errorf("look for role %s: %w", name, err)
	}
	if len(list) == 0 {
		return "", nil
	}
	return list[0].ID, nil
}

func (c *Cloud) doUser(ctx context.Context, s *session, u kind.APIUser) (Result, error) {
	id, err := s.identity()
	if err != nil {
		return Result{}, err
	}
	project, err := findProject(ctx, id, u.Project)
	if err != nil {
		return Result{}, err
	}
	if project == "" {
		return Result{}, fmt.Errorf("user %s: there is no project %s; its step must come first", u.Name, u.Project)
	}
	user, changed, err := c.ensureUser(ctx, id, u)
	if err != nil {
		return Result{}, err
	}
	for _, name := range u.Roles {
		role, err := findRole(ctx, id, name)
		if err != nil {
			return Result{Changed: changed}, err
		}
		if role == "" {
			return Result{Changed: changed}, fmt.Errorf("user %s: there is no role %s; its step must come first", u.Name, name)
		}
		has, err := hasRole(ctx, id, role, user, project)
		if err != nil {
			return Result{Changed: changed}, err
		}
		if has {
			continue
		}
		if err := roles.Assign(ctx, id, role, roles.AssignOpts{UserID: user, ProjectID: project}).ExtractErr(); err != nil {
			return Result{Changed: changed}, fmt.Errorf("give user %s the role %s on %s: %w", u.Name, name, u.Project, err)
		}
		changed = true
	}
	return Result{Changed: changed, Summary: fmt.Sprintf("%s, %s on %s", did(changed, "user "+u.Name), strings.Join(u.Roles, ", "), u.Project)}, nil
}

// ensureUser makes a user, or sets the password of one that has another.
func (c *Cloud) ensureUser(ctx context.Context, id *gophercloud.ServiceClient, u kind.APIUser) (string, bool, error) {
	list, err := listAll(ctx, users.List(id, users.ListOpts{Name: u.Name, DomainID: defaultDomain}), users.ExtractUsers)
	if err != nil {
		return "", false, fmt.Errorf("look for user %s: %w", u.Name, err)
	}
	if len(list) == 0 {
		made, err := users.Create(ctx, id, users.CreateOpts{Name: u.Name, DomainID: defaultDomain, Password: u.Password}).Extract()
		if err != nil {
			return "", false, fmt.Errorf("make user %s: %w", u.Name, err)
		}
		return made.ID, true, nil
	}
	ok, err := c.checkLogin(ctx, u.Name, u.Password)
	if err != nil {
		return "", false, fmt.Errorf("log in as user %s to check its password: %w", u.Name, err)
	}
	if !ok {
		if _, err := users.Update(ctx, id, list[0].ID, users.UpdateOpts{Password: u.Password}).Extract(); err != nil {
			return "", false, fmt.Errorf("set the password of user %s: %w", u.Name, err)
		}
	}
	return list[0].ID, !ok, nil
}

func hasRole(ctx context.Context, id *gophercloud.ServiceClient, role, user, project string) (bool, error) {
	list, err := listAll(ctx, roles.ListAssignmentsOnResource(id, roles.ListAssignmentsOnResourceOpts{UserID: user, ProjectID: project}), roles.ExtractRoles)
	if err != nil {
		return false, fmt.Errorf("look for the roles of a user: %w", err)
	}
	for _, r := range list {
		if r.ID == role {
			return true, nil
		}
	}
	return false, nil
}

func (c *Cloud) doService(ctx context.Context, s *session, a kind.APIService) (Result, error) {
	id, err := s.identity()
	if err != nil {
		return Result{}, err
	}
	svc, changed, err := ensureService(ctx, id, a)
	if err != nil {
		return Result{}, err
	}
	list, err := listAll(ctx, endpoints.List(id, endpoints.ListOpts{ServiceID: svc}), endpoints.ExtractEndpoints)
	if err != nil {
		return Result{Changed: changed}, fmt.Errorf("look for the endpoints of %s: %w", a.Name, err)
	}
	have := map[gophercloud.Availability]endpoints.Endpoint{}
	for _, e := range list {
		if e.Region == c.cfg.Region {
			have[e.Availability] = e
		}
	}
	for _, kind := range []gophercloud.Availability{gophercloud.AvailabilityPublic, gophercloud.AvailabilityInternal, gophercloud.AvailabilityAdmin} {
		e, ok := have[kind]
		switch {
		case ok && e.URL == a.URL:
			continue
		case ok:
			_, err = endpoints.Update(ctx, id, e.ID, endpoints.UpdateOpts{URL: a.URL}).Extract()
		default:
			_, err = endpoints.Create(ctx, id, endpoints.CreateOpts{Availability: kind, Region: c.cfg.Region, URL: a.URL, ServiceID: svc}).Extract()
		}
		if err != nil {
			return Result{Changed: changed}, fmt.Errorf("set the %s endpoint of %s: %w", kind, a.Name, err)
		}
		changed = true
	}
	if changed {
		c.forget() // this log-in's catalogue does not know it
	}
	return Result{Changed: changed, Summary: fmt.Sprintf("%s, 3 endpoints at %s", did(changed, "service "+a.Name), a.URL)}, nil
}

func ensureService(ctx context.Context, id *gophercloud.ServiceClient, a kind.APIService) (string, bool, error) {
	list, err := listAll(ctx, services.List(id, services.ListOpts{ServiceType: a.Type}), services.ExtractServices)
	if err != nil {
		return "", false, fmt.Errorf("look for service %s: %w", a.Name, err)
	}
	for _, v := range list {
		if v.Type == a.Type {
			return v.ID, false, nil
		}
	}
	made, err := services.Create(ctx, id, services.CreateOpts{Name: a.Name, Type: a.Type}).Extract()
	if err != nil {
		return "", false, fmt.Errorf("make service %s: %w", a.Name, err)
	}
	return made.ID, true, nil
}
