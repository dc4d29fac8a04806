package guide_test

import (
	"strings"
	"testing"

	"sandai/installer/guide"
)

// TestStepText: every step has its texts in both languages and a section of the
// official guide that it can be compared with.
func TestStepText(t *testing.T) {
	g, err := guide.Load("2025.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Chapters {
		for _, s := range c.Steps {
			x := g.StepText("node/" + c.Name + "/" + s.ID)
			if x.Title.EN != s.Title.EN || x.Title.JA == "" || x.Why.JA == "" || x.Chapter.JA == "" || x.Source == "" {
				t.Errorf("%s/%s: %+v", c.Name, s.ID, x)
			}
			if !strings.HasPrefix(x.Link, "https://docs.openstack.org/") || strings.Contains(x.Link, "RELEASE") {
				t.Errorf("%s/%s: link %q", c.Name, s.ID, x.Link)
			}
		}
	}
	for key, want := range map[string]string{
		"controller-1/environment/rabbitmq.conf": "install-guide/environment-messaging.html",
		"controller-1/environment/hosts":         "install-guide/environment.html",
		"controller-1/compute/nova.conf":         "nova/2025.1/install/controller-install-ubuntu.html",
	} {
		if x := g.StepText(key); !strings.HasSuffix(x.Link, want) {
			t.Errorf("%s: link %q, want …%s", key, x.Link, want)
		}
	}
	for _, key := range []string{"", "a", "a/b", "a/b/c"} {
		if x := g.StepText(key); x.Title.EN != "" {
			t.Errorf("%q: %+v", key, x)
		}
	}
}
