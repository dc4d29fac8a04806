package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"sandai/inventory"
	"sandai/web/auth"
)

// Tokens keeps the API tokens; a token read from it has never more than its
// owner's role.
type Tokens interface {
	CreateToken(ctx context.Context, t *inventory.Token) error
	Tokens(ctx context.Context) ([]inventory.Token, error)
	Token(ctx context.Context, hash string) (inventory.Token, error)
	TouchToken(ctx context.Context, id uint, used time.Time) error
	DeleteToken(ctx context.Context, id uint) error
}

// NewToken is what a token is made from.
type NewToken struct {
	Name string             `json:"name" minLength:"1" maxLength:"64" example:"ci" doc:"what it is for"`
	Role inventory.UserRole `json:"role" enum:"viewer,operator,admin" doc:"at most one's own"`
	User string             `json:"user,omitempty" doc:"whose it is, for an admin who makes it for another; default oneself"`
	Days int                `json:"days,omitempty" minimum:"0" maximum:"3650" doc:"how long it is valid; 0: until it is removed"`
}

// MadeToken is a token just made; its text is shown this once.
type MadeToken struct {
	inventory.Token
	Text string `json:"token" doc:"for the header Authorization: Bearer TOKEN; it is not kept and not shown again"`
}

func (s *server) tokenRoutes(api huma.API) {
	huma.Register(api, get("tokens", "/tokens", "List one's own API tokens; for an admin those of all"), func(ctx context.Context, _ *struct{}) (*answer[[]inventory.Token], error) {
		return reply(s.gate.tokens(ctx))
	})
	huma.Register(api, post("token-add", "/tokens", "Make an API token; its text is shown once"), func(ctx context.Context, in *struct{ Body NewToken }) (*answer[MadeToken], error) {
		return reply(s.gate.addToken(ctx, in.Body))
	})
	remove := post("token-remove", "/tokens/{id}", "Remove an API token of one's own, or as admin of another")
	remove.Method = http.MethodDelete
	type tokenID struct {
		ID uint `path:"id" doc:"the token's number" example:"1"`
	}
	huma.Register(api, remove, func(ctx context.Context, in *tokenID) (*struct{}, error) {
		return nil, s.gate.removeToken(ctx, in.ID)
	})
}

// tokens lists the tokens that who asks may see.
func (g *gate) tokens(ctx context.Context) ([]inventory.Token, error) {
	all, err := g.access.Tokens(ctx)
	who := WhoOf(ctx)
	out := []inventory.Token{}
	for _, t := range all {
		if who.May(inventory.Admin) || t.UserID != nil && *t.UserID == who.user {
			out = append(out, t)
		}
	}
	return out, err
}

func (g *gate) addToken(ctx context.Context, in NewToken) (MadeToken, error) {
	who := WhoOf(ctx)
	if !who.May(in.Role) {
		return MadeToken{}, inventory.Errorf(inventory.Forbidden, "%s is %s and cannot make a token with the role %s", who.Name, who.Role, in.Role)
	}
	t := inventory.Token{Name: in.Name, Role: in.Role, Created: time.Now().UTC()}
	switch {
	case in.User != "" && in.User != who.Name:
		if !who.May(inventory.Admin) {
			return MadeToken{}, inventory.Errorf(inventory.Forbidden, "only an admin makes tokens for others")
		}
		u, err := g.access.User(ctx, in.User)
		if err != nil {
			return MadeToken{}, err
		}
		if !u.Role.May(in.Role) {
			return MadeToken{}, inventory.Errorf(inventory.Invalid, "%s is %s, and a token may not more than its owner: give it that role", u.Name, u.Role)
		}
		t.UserID, t.Owner = &u.ID, u.Name
	case who.user != 0:
		t.UserID, t.Owner = &who.user, who.Name
	case in.Name == inventory.LocalCommand:
		return MadeToken{}, inventory.Errorf(inventory.Conflict, "this name is the appliance's own: choose another")
	}
	if in.Days > 0 {
		end := t.Created.AddDate(0, 0, in.Days)
		t.Expires = &end
	}
	text := auth.NewToken()
	t.Hash = auth.Sum(text)
	if err := g.access.CreateToken(ctx, &t); err != nil {
		return MadeToken{}, err
	}
	return MadeToken{t, text}, nil
}

func (g *gate) removeToken(ctx context.Context, id uint) error {
	mine, err := g.tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range mine {
		if t.ID == id {
			if err := g.access.DeleteToken(ctx, id); err != nil {
				return err
			}
			g.running.cut(WhoOf(ctx), func(w Who) bool { return w.token == id })
			return nil
		}
	}
	return inventory.Errorf(inventory.NotFound, "there is no token %d of yours: see the list of tokens", id)
}
