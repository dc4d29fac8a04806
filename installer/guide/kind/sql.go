package kind

import (
	"context"
	"crypto/sha1" //nolint:gosec // the hash that mysql_native_password is made of
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// SQL makes databases in the local MariaDB and a user that owns them. It talks
// through the mariadb client as root over the socket. Only the password's hash
// is sent.
type SQL struct {
	Databases []string `json:"databases" yaml:"databases"`
	User      string   `json:"user" yaml:"user"`
	Password  string   `json:"password" yaml:"password"`
	Hosts     []string `json:"hosts,omitempty" yaml:"hosts,omitempty"` // where the user may come from; "%" when empty

	found []string // the facts that Check did not find
}

var sqlName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Validate checks the names, which become part of statements.
func (s *SQL) Validate() error {
	if len(s.Databases) == 0 || s.Password == "" {
		return errors.New("wants databases, user and password")
	}
	for _, n := range append([]string{s.User}, s.Databases...) {
		if !sqlName.MatchString(n) {
			return fmt.Errorf("%q: names of databases and users are lower-case letters, digits and _", n)
		}
	}
	for _, h := range s.Hosts {
		if h == "" || strings.ContainsAny(h, "'\\\n") {
			return fmt.Errorf("hosts: %q is no host", h)
		}
	}
	return nil
}

func (s *SQL) hosts() []string {
	if len(s.Hosts) == 0 {
		return []string{"%"}
	}
	return s.Hosts
}

// nativeHash is how MariaDB stores a mysql_native_password: "*" and the upper
// case hex of SHA-1 of SHA-1.
func nativeHash(password string) string {
	one := sha1.Sum([]byte(password))
	two := sha1.Sum(one[:])
	return "*" + strings.ToUpper(hex.EncodeToString(two[:]))
}

// statements are what makes it so, each repeatable.
func (s *SQL) statements() string {
	var b strings.Builder
	for _, d := range s.Databases {
		fmt.Fprintf(&b, "CREATE DATABASE IF NOT EXISTS `%s` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci;\n", d)
	}
	for _, host := range s.hosts() {
		who := fmt.Sprintf("'%s'@'%s'", s.User, host)
		fmt.Fprintf(&b, "CREATE USER IF NOT EXISTS %s;\n", who)
		fmt.Fprintf(&b, "ALTER USER %s IDENTIFIED VIA mysql_native_password USING '%s';\n", who, nativeHash(s.Password))
		for _, d := range s.Databases {
			fmt.Fprintf(&b, "GRANT ALL PRIVILEGES ON `%s`.* TO %s;\n", strings.ReplaceAll(d, "_", `\_`), who)
		}
	}
	return b.String()
}

// facts lists what must be found, in the form that query returns.
func (s *SQL) facts() []string {
	var out []string
	for _, d := range s.Databases {
		out = append(out, "database "+d)
	}
	for _, host := range s.hosts() {
		out = append(out, "user "+host+" "+nativeHash(s.Password))
		for _, d := range s.Databases {
			out = append(out, "grant "+host+" "+d)
		}
	}
	return out
}

func (s *SQL) query() string {
	return fmt.Sprintf(`SELECT CONCAT('database ', schema_name) FROM information_schema.schemata
UNION ALL SELECT CONCAT('user ', Host, ' ', COALESCE(JSON_VALUE(Priv, '$.authentication_string'), '')) FROM mysql.global_priv WHERE User = '%[1]s'
UNION ALL SELECT CONCAT('grant ', Host, ' ', REPLACE(Db, '\\_', '_')) FROM mysql.db WHERE User = '%[1]s' AND Insert_priv = 'Y' AND Create_priv = 'Y';
`, s.User)
}

func (s *SQL) lacking(ctx context.Context, h Host) ([]string, error) {
	r, err := must(ctx, h, mariadb(s.query()))
	if err != nil {
		return nil, err
	}
	have := strings.Split(strings.TrimSpace(r.Stdout), "\n")
	return slices.DeleteFunc(s.facts(), func(f string) bool { return slices.Contains(have, f) }), nil
}

// mariadb speaks over the local socket, which TLS does not make safer, only
// slower: on a busy machine its handshake has outlasted the server's patience.
func mariadb(sql string) Cmd {
	return Cmd{Args: []string{"/usr/bin/mariadb", "--skip-ssl", "-N", "-B", "-r"}, Stdin: sql}
}

// Check asks for databases, grants and the password's hash in one query.
func (s *SQL) Check(ctx context.Context, h Host) (bool, error) {
	var err error
	s.found, err = s.lacking(ctx, h)
	return err == nil && len(s.found) == 0, err
}

// Apply creates what is not there, and sets the password.
func (s *SQL) Apply(ctx context.Context, h Host) error {
	_, err := must(ctx, h, mariadb(s.statements()))
	return err
}

// Verify asks again, without naming the hash.
func (s *SQL) Verify(ctx context.Context, h Host) error {
	lacking, err := s.lacking(ctx, h)
	if err != nil || len(lacking) == 0 {
		return err
	}
	for i, l := range lacking {
		if f := strings.Fields(l); f[0] == "user" {
			lacking[i] = "user " + f[1] + " with the new password"
		}
	}
	return fmt.Errorf("MariaDB still lacks for %s: %s", s.User, strings.Join(lacking, ", "))
}

// ByHand shows the same as statements to be typed into a mariadb prompt, with
// the password as it is written in the specification.
func (s *SQL) ByHand() string {
	var b strings.Builder
	for _, d := range s.Databases {
		fmt.Fprintf(&b, "CREATE DATABASE IF NOT EXISTS %s CHARACTER SET utf8mb3;\n", d)
		for _, host := range s.hosts() {
			fmt.Fprintf(&b, "GRANT ALL PRIVILEGES ON %s.* TO '%s'@'%s' IDENTIFIED BY '%s';\n", d, s.User, host, s.Password)
		}
	}
	return b.String()
}
