package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"sandai/backup"
	"sandai/inventory/db"
	"sandai/web"
)

// Backup implements web.Backups.
func (a *appliance) Backup(ctx context.Context, w io.Writer, passphrase string) error {
	return backup.Write(ctx, w, a.store, filepath.Join(a.state, backup.Keyset), web.Version(), passphrase)
}

// passphrase reads a backup's from a file, or asks for it.
func passphrase(cmd *cobra.Command, file string, prompts ...string) (string, error) {
	if file == "" {
		return askSecret(cmd, "passphrase", prompts...)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the passphrase: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

func newBackupCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the appliance's whole state into one encrypted file",
		Long: `Write the racks, their runs and events, the users, and every secret with the key that it is sealed with into FILE, encrypted
with a passphrase. The appliance goes on meanwhile. Images are not in it: they can be built again.

The passphrase has at least 15 characters; it is asked for, or read from the first line of the standard input. The file
is age's format: age -d FILE | tar tz lists what is in it.`,
		Example: `  appliance backup /srv/sandai-friday.age
  appliance backup sandai.age --passphrase-file phrase.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Lstat(args[0]); err == nil {
				return fmt.Errorf("%s is there already, and a backup is never overwritten: name another file", args[0])
			}
			phrase, err := passphrase(cmd, from, "Passphrase for the backup: ", "Again: ")
			if err != nil {
				return err
			}
			body, err := json.Marshal(map[string]string{"passphrase": phrase})
			if err != nil {
				return err
			}
			res, err := newClient(cmd).do(cmd.Context(), http.MethodPost, "/backup", bytes.NewReader(body), map[string]string{"Content-Type": "application/json"})
			if err != nil {
				return err
			}
			defer res.Body.Close()
			n, err := keepFile(args[0], res.Body, res.ContentLength)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s holds the appliance's state, %d bytes; appliance restore makes one of it again\n", args[0], n)
			return nil
		},
	}
	c.Flags().StringVar(&from, "passphrase-file", "", "file whose text is the passphrase")
	return c
}

// keepFile writes a file whole or not at all; want is its length where it is known.
func keepFile(path string, r io.Reader, want int64) (n int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".sandai-*") // mode 0600
	if err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	defer os.Remove(f.Name())
	n, err = io.Copy(f, r)
	if err == nil && want >= 0 && n != want {
		err = fmt.Errorf("%d of %d bytes came", n, want)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, fmt.Errorf("write the backup: %w", err)
	}
	return n, os.Rename(f.Name(), path)
}

func newRestoreCommand() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a state directory of a backup, for a fresh appliance",
		Long: `Make the state directory (--state) of FILE, which appliance backup wrote. A state that is there is never overwritten. Then
appliance serve goes on with the same racks, users and secrets, and with a run that was under way; no node is touched by
it. The appliance that the backup is of must be gone: of two on one network the second refuses to serve.`,
		Example: `  appliance restore sandai-friday.age --state /var/lib/sandai
  appliance serve --state /var/lib/sandai`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("read the backup: %w", err)
			}
			defer f.Close()
			phrase, err := passphrase(cmd, from, "Passphrase of the backup: ")
			if err != nil {
				return err
			}
			dir := stateDir(cmd)
			m, err := backup.Restore(f, phrase, dir, func(dir string) error {
				s, err := db.Open(cmd.Context(), filepath.Join(dir, backup.Database), filepath.Join(dir, backup.Keyset))
				if err != nil {
					return err
				}
				return s.Close()
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is the state of %s; appliance serve --state %s goes on with it\n", dir, m.Made.Format("2006-01-02 15:04 UTC"), dir)
			return nil
		},
	}
	c.Flags().StringVar(&from, "passphrase-file", "", "file whose text is the passphrase")
	return c
}
