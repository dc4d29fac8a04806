package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"sandai/inventory"
	"sandai/inventory/rackfile"
	"sandai/web"
	"sandai/web/webtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"appliance": func() { os.Exit(run()) }})
}

// TestScripts runs command lines against an API served by this process. Each
// script gets an empty inventory of its own, $URL, and the commands
//
//	code N PROGRAM...   the program ends with exit code N
//	rack NAME           puts a rack of three nodes into the inventory
//	outcome good|bad    what the next install comes to
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			m := webtest.New()
			m.Cloud = webtest.Cloud
			m.Cloudy.Accounts = []inventory.Account{
				{Secret: "keystone_admin", User: "admin", What: inventory.Text{EN: "Administrator"}, Shown: true, Rotates: true},
				{Secret: "sandai-proof-key", User: "root", What: inventory.Text{EN: "SSH key"}, Shown: true},
			}
			m.Parse = func(name string, file []byte) (inventory.Rack, error) {
				r, _, err := rackfile.Parse(name, file)
				return r, err
			}
			api := m.As(inventory.Admin, web.NewAPI(web.Config{Racks: m, Runs: m, Events: m, Installer: m, Power: m, Access: m, Control: m, Cloud: m}))
			looked := make(chan struct{}, 1)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				api.ServeHTTP(w, r)
				if strings.HasSuffix(r.URL.Path, "/steps") {
					select {
					case looked <- struct{}{}:
					default:
					}
				}
			}))
			env.Defer(s.Close)
			env.Setenv("URL", s.URL)
			env.Values["memory"], env.Values["looked"] = m, looked
			return os.WriteFile(env.WorkDir+"/url", []byte(s.URL+"\n"), 0o644)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": func(ts *testscript.TestScript, _ bool, args []string) {
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				got := 0
				if err := ts.Exec(args[1], args[2:]...); err != nil {
					var e *exec.ExitError
					if !errors.As(err, &e) {
						ts.Fatalf("%v", err)
					}
					got = e.ExitCode()
				}
				if got != want {
					ts.Fatalf("exit code %d, want %d", got, want)
				}
			},
			"rack": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("memory").(*webtest.Memory).AddRack(webtest.Rack(args[0]))
			},
			"outcome": func(ts *testscript.TestScript, _ bool, args []string) {
				m, looked := ts.Value("memory").(*webtest.Memory), ts.Value("looked").(chan struct{})
				m.Set(func(m *webtest.Memory) {
					m.OnInstall = func(m *webtest.Memory, run inventory.Run) {
						select {
						case <-looked: // of an earlier run
						default:
						}
						<-looked // by the one who follows
						carryOut(m, run, args[0] == "good")
					}
				})
			},
		},
	})
}

// carryOut takes the steps of a run one after the other, as an engine would; a
// bad one fails the last.
func carryOut(m *webtest.Memory, run inventory.Run, good bool) {
	steps, err := m.Steps(context.Background(), run.ID)
	if err != nil {
		return
	}
	for i, s := range steps {
		if s.State == inventory.StepDone {
			continue
		}
		now := time.Now()
		m.SetStep(run.ID, s.Key, func(s *inventory.Step) { s.State, s.StartedAt, s.Attempt = inventory.StepRunning, &now, run.Attempt })
		end := time.Now()
		if !good && i == len(steps)-1 {
			m.SetStep(run.ID, s.Key, func(s *inventory.Step) {
				s.State, s.EndedAt, s.Reason = inventory.StepFailed, &end, "the database does not answer"
				s.Command, s.Stdout, s.Stderr = "keystone-manage db_sync", "connecting\n", "OperationalError\nat line 2\n"
			})
			m.SetRun(run.ID, func(r *inventory.Run) {
				r.State, r.Ended, r.Reason = inventory.RunFailed, &end, s.Key+": the database does not answer"
			})
			return
		}
		m.SetStep(run.ID, s.Key, func(s *inventory.Step) { s.State, s.EndedAt = inventory.StepDone, &end })
	}
	end := time.Now()
	m.SetRun(run.ID, func(r *inventory.Run) { r.State, r.Ended = inventory.RunDone, &end })
}
