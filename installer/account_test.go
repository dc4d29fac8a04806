package installer_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"sandai/installer"
	"sandai/installer/guide"
	"sandai/inventory"
)

// fullGuide has the real guide's secrets.
type fullGuide struct{ unitGuide }

func (fullGuide) Secrets() []guide.SecretSpec {
	g, err := guide.Load("2025.1")
	if err != nil {
		panic(err)
	}
	return g.Secrets()
}

// installedWorld has a secret of each name that the guide uses, all of them
// beginning with "hush".
func installedWorld(t *testing.T) (*world, *installer.Engine) {
	w, e := desk(t)
	e.Guide, e.Cloud = fullGuide{}, func(inventory.Rack, string) installer.Cloud { return sunny{} }
	names := []string{"sandai-proof-key", "bmc/compute-1", "install_nonce/compute-1"}
	for _, s := range (fullGuide{}).Secrets() {
		names = append(names, s.Name)
	}
	for _, n := range names {
		if err := w.store.PutSecret(t.Context(), w.rack.ID, n, "hush"+n); err != nil {
			t.Fatal(err)
		}
	}
	return w, e
}

// TestReveal: two secrets may be shown, and of all others not one.
func TestReveal(t *testing.T) {
	w, e := installedWorld(t)
	names, err := w.store.SecretNames(t.Context(), w.rack.ID)
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	may := map[string]string{"keystone_admin": "admin", "sandai-proof-key": "root"}
	for _, n := range append(names, "nothing", "") {
		v, err := e.Reveal(t.Context(), "demo", n)
		if user, ok := may[n]; ok {
			if err != nil || v.Value != "hush"+n || v.User != user {
				t.Errorf("%s: got %+v (%v)", n, v, err)
			}
			continue
		}
		if inventory.CodeOf(err) != inventory.Invalid || v.Value != "" || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %+v (%v)", n, v, err)
		}
	}
}

func TestAccounts(t *testing.T) {
	_, e := installedWorld(t)
	list, err := e.Accounts(t.Context(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err != nil || bytes.Contains(text, []byte("hush")) {
		t.Errorf("the list holds a secret (%v): %s", err, text)
	}
	users := map[string]string{}
	n := 0
	for _, a := range list {
		users[a.Secret] = a.User
		if a.Shown {
			n++
		}
		if a.What.EN == "" || a.What.JA == "" {
			t.Errorf("%s is not described: %+v", a.Secret, a)
		}
	}
	if n != 2 || users["keystone_admin"] != "admin" || users["nova"] != "nova" || users["nova_db"] != "nova" || users["rabbitmq"] != "openstack" || users["keystone_fernet_0"] != "" || len(list) != len((fullGuide{}).Secrets())+1 {
		t.Errorf("%d are shown of %+v", n, list)
	}
	if _, ok := users["bmc/compute-1"]; ok {
		t.Error("a BMC is no account of the cloud")
	}
}

func TestDownloads(t *testing.T) {
	_, e := installedWorld(t)
	rc, err := e.Openrc(t.Context(), "demo")
	if err != nil || !bytes.Contains(rc, []byte("export OS_AUTH_URL=http://10.77.0.11:5000/v3\n")) || !bytes.Contains(rc, []byte("export OS_PASSWORD=hushkeystone_admin\n")) {
		t.Errorf("openrc (%v):\n%s", err, rc)
	}
	y, err := e.CloudsYAML(t.Context(), "demo")
	if err != nil || !bytes.Contains(y, []byte("password: hushkeystone_admin\n")) || !bytes.Contains(y, []byte("demo:\n")) {
		t.Errorf("clouds.yaml (%v):\n%s", err, y)
	}
}

// TestCloudStatus: there is none before an install, then the cloud's own.
func TestCloudStatus(t *testing.T) {
	w, e := desk(t)
	e.Cloud = func(_ inventory.Rack, password string) installer.Cloud {
		if password != "p" {
			t.Errorf("the cloud is asked with the password %q", password)
		}
		return sunny{}
	}
	for name, f := range map[string]func() error{
		"status":      func() error { _, err := e.CloudStatus(t.Context(), "demo"); return err },
		"openrc":      func() error { _, err := e.Openrc(t.Context(), "demo"); return err },
		"clouds.yaml": func() error { _, err := e.CloudsYAML(t.Context(), "demo"); return err },
		"reveal":      func() error { _, err := e.Reveal(t.Context(), "demo", installer.AdminSecret); return err },
	} {
		if err := f(); inventory.CodeOf(err) != inventory.NotFound {
			t.Errorf("%s before an install: %v", name, err)
		}
	}
	if err := w.store.PutSecret(t.Context(), w.rack.ID, installer.AdminSecret, "p"); err != nil {
		t.Fatal(err)
	}
	if st, err := e.CloudStatus(t.Context(), "demo"); err != nil || st.Rack != "demo" || len(st.Services) != 1 {
		t.Errorf("got %+v (%v)", st, err)
	}
}
