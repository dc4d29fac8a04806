package web

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"
)

// VersionInfo says which program answers.
type VersionInfo struct {
	Version string `json:"version"` // the commit, with + when it was changed
	Go      string `json:"go"`
}

// Version returns the commit that the program was built from, "+" after it
// when the checkout was changed, or "unknown".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return rev + changed
}

func systemRoutes(api huma.API) {
	huma.Register(api, get("version", "/version", "Show the appliance's version"), func(context.Context, *struct{}) (*answer[VersionInfo], error) {
		return reply(VersionInfo{Version(), runtime.Version()}, nil)
	})
	type health struct {
		OK bool `json:"ok"`
	}
	huma.Register(api, get("healthz", "/healthz", "Say that the appliance answers"), func(context.Context, *struct{}) (*answer[health], error) {
		return reply(health{true}, nil)
	})
}
