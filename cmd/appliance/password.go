package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// maxPasswordLine bounds what is read for a password, in bytes.
const maxPasswordLine = 4096

// askPassword asks for a user's password.
func askPassword(cmd *cobra.Command, user string) (string, error) {
	return askSecret(cmd, "password", "Password for "+user+": ", "Again: ")
}

// askSecret asks on a terminal, without showing what is typed, once for each prompt,
// and wants the same each time; else it reads the first line of the standard input.
func askSecret(cmd *cobra.Command, what string, prompts ...string) (string, error) {
	f, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxPasswordLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the %s: %w", what, err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	secret := ""
	for i, prompt := range prompts {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return "", fmt.Errorf("read the %s: %w", what, err)
		}
		if i > 0 && string(b) != secret {
			return "", fmt.Errorf("the two %ss differ: try again", what)
		}
		secret = string(b)
	}
	return secret, nil
}
