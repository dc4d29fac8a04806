package installer

import (
	"context"
	"strings"

	"sandai/installer/guide"
	"sandai/inventory"
)

// proofKeySecret is the name under which installer/cloud keeps the private half
// of the key that the proof's servers let in.
const proofKeySecret = "sandai-proof-key"

// shown is the closed list of secrets that a person may be shown: those that are
// a person's to use. What daemons use among themselves (their users in Keystone,
// the databases, the queue, the token keys) and the BMCs' passwords are never
// shown, to nobody: who needs one is on a node as root already.
var shown = []inventory.Account{
	{Secret: AdminSecret, User: "admin", Shown: true, Rotates: true, What: inventory.Text{EN: "Administrator of the cloud: Horizon, openrc, clouds.yaml", JA: "クラウドの管理者（Horizon・openrc・clouds.yaml）"}},
	{Secret: proofKeySecret, User: "root", Shown: true, What: inventory.Text{EN: "Private SSH key of the proof's servers", JA: "動作証明サーバーの SSH 秘密鍵"}},
}

// Accounts lists the accounts and keys of a rack's cloud, no secret among it.
func (e *Engine) Accounts(ctx context.Context, rack string) ([]inventory.Account, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return nil, err
	}
	names, err := e.store.SecretNames(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	have := map[string]bool{}
	for _, n := range names {
		have[n] = true
	}
	out := []inventory.Account{}
	for _, a := range shown {
		if have[a.Secret] {
			out = append(out, a)
		}
	}
	for _, s := range e.Guide.Secrets() {
		if have[s.Name] && s.Name != AdminSecret {
			out = append(out, hidden(s))
		}
	}
	return out, nil
}

// hidden describes a secret of the guide by how the guide names and makes it.
func hidden(s guide.SecretSpec) inventory.Account {
	a := inventory.Account{Secret: s.Name, Rotates: rotates(s)}
	db, isDB := strings.CutSuffix(s.Name, "_db")
	switch {
	case isDB:
		a.User = db
		a.What = inventory.Text{EN: "Database of " + db, JA: db + " のデータベース"}
	case s.Name == "rabbitmq":
		a.User = "openstack"
		a.What = inventory.Text{EN: "Message queue", JA: "メッセージキュー"}
	case s.Generator == "password" && !strings.Contains(s.Name, "_"):
		a.User = s.Name
		a.What = inventory.Text{EN: "Service user of " + s.Name + " in Keystone", JA: s.Name + " のサービスユーザー（Keystone）"}
	default:
		a.What = inventory.Text{EN: "Key between the services", JA: "サービス間の鍵"}
	}
	return a
}

// Reveal gives one of the secrets that may be shown. The error is Invalid for
// any other, whether there is one of that name or not.
func (e *Engine) Reveal(ctx context.Context, rack, secret string) (inventory.Revealed, error) {
	r, err := e.store.Rack(ctx, rack)
	if err != nil {
		return inventory.Revealed{}, err
	}
	for _, a := range shown {
		if a.Secret != secret {
			continue
		}
		v, err := e.store.Secret(ctx, r.ID, secret)
		return inventory.Revealed{Secret: secret, User: a.User, Value: v}, err
	}
	return inventory.Revealed{}, inventory.Errorf(inventory.Invalid, "the secret %q is never shown; these are: %s, %s. What services use among themselves is in their configuration on the node", secret, AdminSecret, proofKeySecret)
}

// Openrc returns a file for the shell; it holds the administrator's password.
func (e *Engine) Openrc(ctx context.Context, rack string) ([]byte, error) {
	r, password, err := e.cloudOf(ctx, rack)
	if err != nil {
		return nil, err
	}
	return openrc(r, "openrc", password), nil
}

// CloudsYAML returns a file for OpenStack's clients; it holds the administrator's
// password.
func (e *Engine) CloudsYAML(ctx context.Context, rack string) ([]byte, error) {
	r, password, err := e.cloudOf(ctx, rack)
	if err != nil {
		return nil, err
	}
	return cloudsYAML(r, password)
}
