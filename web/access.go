package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"sandai/inventory"
	"sandai/web/auth"
)

// Access keeps who may do what. A lookup that finds nothing is NotFound.
type Access interface {
	Users
	Sessions
	Tokens
	AuditLog
}

// How often somebody who is not known may try to change something, a sign-in
// for one, from one address; and how often one user's password may be tried.
const (
	strangerEvery, strangerBurst = 6 * time.Second, 10
	userEvery, userBurst         = 3 * time.Second, 20
)

// rule says who may use a route, and what it does in the words of the audit log.
type rule struct {
	role    inventory.UserRole // "" where open
	summary string
	open    bool // for everybody
}

// rules are the routes that are no operations of the OpenAPI document and for
// which the default is not right: a viewer may GET, an operator may the rest.
// Operations say their role in their metadata.
var rules = map[string]rule{
	"GET /login":                               {open: true},
	"POST /login":                              {open: true, summary: "Sign in"},
	"POST /logout":                             {role: inventory.Viewer, summary: "Sign out"},
	"GET /setup":                               {open: true},
	"POST /setup":                              {open: true, summary: "Make the first user"},
	"POST /racks/:rack/stop":                   {role: inventory.Operator, summary: "Stop the run after the steps in hand"},
	"POST /racks/:rack/keep-going":             {role: inventory.Operator, summary: "Withdraw a stop"},
	"POST /racks/:rack/runs/:id/retry":         {role: inventory.Operator, summary: "Try a failed step again"},
	"POST /racks/:rack/runs/:id/skip":          {role: inventory.Operator, summary: "Leave a step out"},
	"POST /racks/:rack/power":                  {summary: "Switch servers through their BMCs"},
	"POST /racks/:rack/nodes/:node/hands-off":  {summary: "Have nothing sent to a server or its BMC any more"},
	"POST /racks/:rack/check":                  {summary: "Compare an installed rack with its plan"},
	"POST /racks/:rack/apply":                  {summary: "Make an installed rack as its plan is now"},
	"POST /racks/:rack/nodes/:node/reinstall":  {summary: "Install one server anew"},
	"POST /racks/:rack/nodes/:node/release":    {summary: "Take one server out of the rack"},
	"POST /racks/:rack/nodes/:node/let-go":     {summary: "End hands off a server"},
	"POST /racks/:rack/nodes/:node/rescue":     {summary: "Start a server into the ramdisk, with a shell"},
	"POST /racks/:rack/nodes/:node/end-rescue": {summary: "Have a server in rescue restart from its own disk"},
	"POST /racks/:rack/install":                {summary: "Install a rack, as its preview showed it"},
	"POST /racks/:rack/inspect":                {summary: "Look at the hardware of nodes"},
	"GET /first":                               {role: inventory.Operator},
	"POST /first":                              {summary: "Make a rack"},
	"POST /first/look":                         {summary: "Look for a DHCP server"},
	"POST /first/import":                       {summary: "Import a rack.yaml"},
	"POST /racks/:rack/nodes/:node/role":       {summary: "Give a node a role, or take it away"},
	"POST /racks/:rack/resume":                 {summary: "Go on with a run"},
	"POST /api/v1/nodes/:name/console":         {role: inventory.Operator, summary: "Open a node's serial console"},
	"GET " + consolePath:                       {role: inventory.Viewer, summary: "Look at a node's serial console"}, // who may type is the console's to say
	"GET /api/v1/version":                      {open: true},
	"GET /api/v1/healthz":                      {open: true},

	// The pages around the rack.
	"POST /racks/:rack/cloud/proof":                     {summary: "Run the proof again"},
	"POST /racks/:rack/cloud/secrets/:secret":           {role: inventory.Admin, summary: "Show one secret of the cloud"},
	"POST /racks/:rack/rotate":                          {role: inventory.Admin, summary: "Give the cloud new passwords"},
	"POST /racks/:rack/cloud/openrc":                    {role: inventory.Admin, summary: "Download the administrator's openrc"},
	"POST /racks/:rack/cloud/clouds.yaml":               {role: inventory.Admin, summary: "Download the administrator's clouds.yaml"},
	"POST /racks/:rack/nodes/:node/units/:unit/restart": {summary: "Restart a service on a node"},
	"POST /settings/password":                           {role: inventory.Viewer, summary: "Change one's own password"},
	"POST /settings/copies":                             {role: inventory.Admin, summary: "Have the nodes keep sealed copies of the appliance, or not"},
	"POST /settings/backup":                             {role: inventory.Admin, summary: "Download a backup of the appliance"},
	"POST /settings/tokens":                             {summary: "Make an API token"},
	"POST /settings/tokens/:id/remove":                  {summary: "Remove an API token"},
	"GET /settings/users":                               {role: inventory.Admin},
	"POST /settings/users":                              {role: inventory.Admin, summary: "Add a user"},
	"POST /settings/users/:name":                        {role: inventory.Admin, summary: "Change a user's role or password"},
	"POST /settings/users/:name/remove":                 {role: inventory.Admin, summary: "Remove a user with sessions and tokens"},
	"GET /settings/audit":                               {role: inventory.Admin},
	"POST /images/build":                                {summary: "Build images"},
	"POST /images/stop":                                 {summary: "Stop the build of images"},
}

// assets are what every page needs to look like one; they tell nothing.
const assets = "/assets/"

// gate stands before everything: it finds out who asks, refuses who may not, and
// writes down who changes what.
type gate struct {
	access     Access
	foreign    *http.CrossOriginProtection
	strangers  *auth.Limiter
	names      *auth.Limiter
	passwords  *auth.Passwords
	operations map[string]rule           // by method and path as the router writes it
	draw       func(*gin.Context, error) // the page of who is refused
	running    running
}

// newPasswords is changed by tests, which sign in often.
var newPasswords = auth.NewPasswords

func newGate(a Access) *gate {
	if a == nil {
		panic("web: Config.Access is missing: nobody could be told from anybody")
	}
	return &gate{
		access: a, foreign: http.NewCrossOriginProtection(), passwords: newPasswords(),
		strangers: auth.NewLimiter(strangerEvery, strangerBurst), names: auth.NewLimiter(userEvery, userBurst),
	}
}

// learn takes the rules of the operations from the OpenAPI document.
func (g *gate) learn(doc *huma.OpenAPI) {
	g.operations = map[string]rule{}
	for path, item := range doc.Paths {
		path = strings.NewReplacer("{", ":", "}", "").Replace(path)
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
			if op == nil {
				continue
			}
			r := rule{summary: op.Summary}
			if role, ok := op.Metadata["role"]; ok {
				r.role = inventory.UserRole(role.(string))
			}
			g.operations[op.Method+" "+path] = r
		}
	}
}

// wants makes an operation need a role other than the method's default.
func wants(role inventory.UserRole, op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{"role": string(role)}
	return op
}

func (g *gate) rule(c *gin.Context) rule {
	method := c.Request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	key := method + " " + c.FullPath()
	r, ok := rules[key]
	if !ok {
		r = g.operations[key]
	}
	r.open = r.open || method == http.MethodGet && strings.HasPrefix(c.Request.URL.Path, assets)
	switch {
	case r.role != "" || r.open:
	case safe(method):
		r.role = inventory.Viewer
	default: // also where there is no such route
		r.role = inventory.Operator
	}
	return r
}

// safe methods change nothing (RFC 9110 §9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// changes reports whether a request may change something. One that upgrades
// carries what nobody sees any more, a console's keys for one.
func changes(r *http.Request) bool { return !safe(r.Method) || r.Header.Get("Upgrade") != "" }

// check is the middleware.
func (g *gate) check(c *gin.Context) {
	rule := g.rule(c)
	who, err := g.identify(c.Request)
	if err == nil {
		ctx, id, done := g.running.begin(c.Request.Context(), who)
		defer done()
		who.request = id
		ctx = inventory.WithPerson(ctx, who.Name) // for what is stored of who did it
		c.Request = c.Request.WithContext(context.WithValue(ctx, whoKey{}, who))
	} else if inventory.CodeOf(err) != inventory.Unauthorised {
		g.turnAway(c, err)
		return
	}
	if elsewhere := g.elsewhere(c.Request); elsewhere != nil {
		err = elsewhere // also to who is not signed in: a sign-in would not help
	} else if err == nil || rule.open {
		err = permit(rule, who)
	}
	switch {
	case changes(c.Request):
		g.audited(c, rule, who, err)
	case err != nil:
		g.turnAway(c, err)
	default:
		c.Next()
	}
}

// elsewhere says why a request that a page of another site made is refused, nil
// where it is not.
//
// A page of another site cannot use a person's session: browsers say where a
// request comes from (Sec-Fetch-Site, else Origin), and those are refused. Nor
// can one whose name was made to point at the appliance's address (DNS
// rebinding): the session's cookie belongs to the name under which the person
// signed in, so none is sent for the other name, and before that the browser
// ends the connection, because the appliance's certificate is not for it. So
// requests are answered whatever host they name.
func (g *gate) elsewhere(r *http.Request) error {
	if !changes(r) {
		return nil
	}
	asked := *r
	asked.Method = http.MethodPost // an upgrade is a GET, which is let pass
	if g.foreign.Check(&asked) != nil {
		return inventory.Errorf(inventory.Forbidden, "a page of another site may not change anything here; use the appliance's own page or the command line")
	}
	return nil
}

// permit says why a person is refused, nil where not.
func permit(rule rule, who Who) error {
	if !rule.open && !who.May(rule.role) {
		return inventory.Errorf(inventory.Forbidden, "%s is %s and this wants the role %s: ask an admin", who.Name, who.Role, rule.role)
	}
	return nil
}

// turnAway answers who is refused: programs as JSON, people with a page.
func (g *gate) turnAway(c *gin.Context, err error) {
	r := c.Request
	switch code := inventory.CodeOf(err); {
	case isProgram(r):
		if code == inventory.Unauthorised {
			c.Header("WWW-Authenticate", "Bearer")
		}
		fail(c, err)
	case code != inventory.Unauthorised:
		g.draw(c, err)
	default:
		next := "/login"
		if safe(r.Method) && r.URL.Path != "/" {
			next += "?next=" + url.QueryEscape(r.URL.RequestURI())
		}
		if r.Header.Get("HX-Request") != "" { // htmx would put the sign-in into the middle of the page
			c.Header("HX-Redirect", next)
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		c.Redirect(http.StatusSeeOther, next)
	}
	c.Abort()
}

// isProgram reports whether a program asks: by what it asks for, or because it
// cannot be led to another page.
func isProgram(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/openapi") ||
		r.Header.Get("Upgrade") != "" || strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
}

// tooMany is the error of who tries too often.
func tooMany(c *gin.Context, wait time.Duration) error {
	seconds := int(wait.Round(time.Second).Seconds())
	c.Header("Retry-After", strconv.Itoa(seconds))
	return inventory.Errorf(inventory.TooMany, "too many tries: wait %d seconds and try again", seconds)
}
