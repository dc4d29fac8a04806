package kind

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNativeHash(t *testing.T) {
	// SELECT PASSWORD('secret') in MariaDB.
	if got := nativeHash("secret"); got != "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7" {
		t.Error(got)
	}
}

func TestSQL(t *testing.T) {
	k := &SQL{Databases: []string{"nova", "nova_api"}, User: "nova", Password: "secret"}
	full := "database mysql\ndatabase nova\ndatabase nova_api\nuser % *14E65567ABDB5135D0CFD9A70B3032C179A49EE7\ngrant % nova\ngrant % nova_api\n"
	tests := map[string]struct {
		before string
		done   bool
	}{
		"all there":      {full, true},
		"fresh":          {"database mysql\n", false},
		"other password": {strings.Replace(full, "*14E6", "*0000", 1), false},
		"no grant":       {strings.Replace(full, "grant % nova_api\n", "", 1), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.answers["mariadb"] = []Result{{Stdout: tc.before}, {}, {Stdout: full}}
			effect, err := Do(t.Context(), h, k)
			if err != nil {
				t.Fatal(err)
			}
			if effect.Changed == tc.done || strings.Contains(effect.Diff, "*") {
				t.Errorf("%+v", effect)
			}
			for _, c := range h.calls {
				if strings.Contains(strings.Join(c.Args, " ")+c.Stdin, "secret") {
					t.Errorf("the password leaves the program: %v", c)
				}
			}
			if tc.done {
				return
			}
			want := "CREATE DATABASE IF NOT EXISTS `nova` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;\n" +
				"CREATE DATABASE IF NOT EXISTS `nova_api` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;\n" +
				"CREATE USER IF NOT EXISTS 'nova'@'%';\n" +
				"ALTER USER 'nova'@'%' IDENTIFIED VIA mysql_native_password USING '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7';\n" +
				"GRANT ALL PRIVILEGES ON `nova`.* TO 'nova'@'%';\n" +
				"GRANT ALL PRIVILEGES ON `nova\\_api`.* TO 'nova'@'%';\n"
			if d := cmp.Diff(want, h.calls[1].Stdin); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSQLVerifyHidesHash(t *testing.T) {
	h := newHost(t)
	h.answers["mariadb"] = []Result{{Stdout: ""}}
	_, err := Do(t.Context(), h, &SQL{Databases: []string{"a"}, User: "a", Password: "secret"})
	if err == nil || strings.Contains(err.Error(), "14E6") || !strings.Contains(err.Error(), "user % with the new password") {
		t.Errorf("error %v", err)
	}
}
