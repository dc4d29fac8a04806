package inventory

import "context"

type personKey struct{}

// WithPerson says on whose behalf a call is made: a user's name, or a token's.
func WithPerson(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, personKey{}, name)
}

// Person returns the name that WithPerson gave, "" where nobody signed in.
func Person(ctx context.Context) string {
	name, _ := ctx.Value(personKey{}).(string)
	return name
}
