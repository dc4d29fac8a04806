package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
)

// Users keeps the users. CreateUser's error is Conflict where the name is taken
// and Invalid where it is no name; UpdateUser's and DeleteUser's is Conflict
// where no admin would be left. A changed password ends the user's sessions.
type Users interface {
	Users(ctx context.Context) ([]inventory.User, error)
	User(ctx context.Context, name string) (inventory.User, error)
	CreateUser(ctx context.Context, u *inventory.User) error
	// CreateFirstUser spends the setup code of that hash and makes an admin:
	// Unauthorised if it is another, Conflict if there is a user.
	CreateFirstUser(ctx context.Context, code string, u *inventory.User) error
	UpdateUser(ctx context.Context, name string, fn func(*inventory.User) error) (inventory.User, error)
	DeleteUser(ctx context.Context, name string) error
}

// NewUser is what a user is made from.
type NewUser struct {
	Name     string             `json:"name" example:"ann" doc:"a-z, 0-9 and . _ @ -"`
	Role     inventory.UserRole `json:"role" enum:"viewer,operator,admin"`
	Password string             `json:"password" doc:"at least 15 characters"`
}

// UserChange is what may be changed of a user; what is empty stays.
type UserChange struct {
	Role     inventory.UserRole `json:"role,omitempty" enum:"viewer,operator,admin"`
	Password string             `json:"password,omitempty" doc:"at least 15 characters; the user's sessions end"`
}

type userName struct {
	Name string `path:"name" doc:"the user's name" example:"ann"`
}

func (s *server) userRoutes(api huma.API) {
	list := wants(inventory.Admin, get("users", "/users", "List the users"))
	huma.Register(api, list, func(ctx context.Context, _ *struct{}) (*answer[[]inventory.User], error) {
		users, err := s.Access.Users(ctx)
		if users == nil {
			users = []inventory.User{}
		}
		return reply(users, err)
	})
	add := wants(inventory.Admin, post("user-add", "/users", "Add a user"))
	huma.Register(api, add, func(ctx context.Context, in *struct{ Body NewUser }) (*answer[inventory.User], error) {
		return reply(s.gate.addUser(ctx, in.Body))
	})
	change := wants(inventory.Admin, post("user-change", "/users/{name}", "Change a user's role or password"))
	change.Method = http.MethodPatch
	type changeRequest struct {
		Name string `path:"name" doc:"the user's name" example:"ann"`
		Body UserChange
	}
	huma.Register(api, change, func(ctx context.Context, in *changeRequest) (*answer[inventory.User], error) {
		return reply(s.gate.changeUser(ctx, in.Name, in.Body))
	})
	remove := wants(inventory.Admin, post("user-remove", "/users/{name}", "Remove a user with sessions and tokens"))
	remove.Method = http.MethodDelete
	huma.Register(api, remove, func(ctx context.Context, in *userName) (*struct{}, error) {
		return nil, s.gate.removeUser(ctx, in.Name)
	})
}

func (g *gate) addUser(ctx context.Context, in NewUser) (inventory.User, error) {
	u := inventory.User{Name: strings.ToLower(strings.TrimSpace(in.Name)), Role: in.Role}
	var err error
	if u.Password, err = g.hash(ctx, u.Name, in.Password); err != nil {
		return inventory.User{}, err
	}
	return u, g.access.CreateUser(ctx, &u)
}

func (g *gate) changeUser(ctx context.Context, name string, in UserChange) (inventory.User, error) {
	var hash string
	if in.Password != "" {
		var err error
		if hash, err = g.hash(ctx, name, in.Password); err != nil {
			return inventory.User{}, err
		}
	}
	u, err := g.access.UpdateUser(ctx, name, func(u *inventory.User) error {
		if hash != "" {
			u.Password = hash
		}
		if in.Role != "" {
			u.Role = in.Role
		}
		return nil
	})
	if err == nil {
		// What was begun with the old role or password ends: sessions with a new
		// password, tokens only with another role.
		g.running.cut(WhoOf(ctx), func(w Who) bool { return w.user == u.ID && (w.session != 0 || in.Role != "") })
	}
	return u, err
}

func (g *gate) removeUser(ctx context.Context, name string) error {
	u, err := g.access.User(ctx, name)
	if err != nil {
		return err
	}
	if err := g.access.DeleteUser(ctx, name); err != nil {
		return err
	}
	g.running.cut(WhoOf(ctx), func(w Who) bool { return w.user == u.ID })
	return nil
}
