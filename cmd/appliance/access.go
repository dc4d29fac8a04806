package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"sandai/inventory"
	"sandai/web/auth"
)

// tokenFile, in the state directory, lets the command line in: who may read it
// may read the database beside it too.
const tokenFile = "token"

// writeLocalToken writes the state directory's token, 0600, unless there is one
// that holds. The database keeps its hash.
func (a *appliance) writeLocalToken(ctx context.Context, state string) error {
	path := filepath.Join(state, tokenFile)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		t, err := a.store.Token(ctx, auth.Sum(string(bytes.TrimSpace(b))))
		if err == nil && t.UserID == nil && t.Name == inventory.LocalCommand {
			return os.Chmod(path, 0o600)
		}
		if err != nil && inventory.CodeOf(err) != inventory.NotFound {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the command line's token: %w", err)
	}
	text := auth.NewToken()
	if err := a.store.PutLocalToken(ctx, auth.Sum(text)); err != nil {
		return err
	}
	return replaceFile(path, text+"\n", 0o600)
}

// replaceFile replaces a file in one step: who reads it meanwhile gets the old text
// or the new one.
func replaceFile(path, text string, mode os.FileMode) error {
	if err := os.WriteFile(path+".new", []byte(text), mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".new", path)
}

// setupURL makes the code that makes the first user, anew at each start, and
// returns the URL with it; "" where there is a user.
func (a *appliance) setupURL(ctx context.Context, state string) (string, error) {
	users, err := a.store.Users(ctx)
	if err != nil || len(users) > 0 {
		return "", err
	}
	code := auth.NewSecret()
	if err := a.store.PutSetupCode(ctx, auth.Sum(code)); err != nil {
		return "", err
	}
	base := baseURL(a.api.Addr().(*net.TCPAddr), true)
	if b, err := os.ReadFile(filepath.Join(state, labURLFile)); err == nil && len(bytes.TrimSpace(b)) > 0 {
		base = string(bytes.TrimSpace(b))
	}
	return base + "/setup?code=" + code, nil
}
