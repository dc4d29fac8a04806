package web

import "context"

// whoLooks says who is signed in, and with which role.
func whoLooks(ctx context.Context) (name, role string) {
	w := WhoOf(ctx)
	return w.Name, string(w.Role)
}
