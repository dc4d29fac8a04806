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

// askPassword asks for a password twice on a terminal, without showing it; else
// it reads the first line of the standard input.
func askPassword(cmd *cobra.Command, user string) (string, error) {
	f, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxPasswordLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	return typeTwice(cmd, f, "Password for "+user+": ", "password")
}

// typeTwice asks at a terminal for what may not be seen.
func typeTwice(cmd *cobra.Command, f *os.File, ask, what string) (string, error) {
	var typed [2]string
	for i, prompt := range []string{ask, "Again: "} {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return "", fmt.Errorf("read the %s: %w", what, err)
		}
		typed[i] = string(b)
	}
	if typed[0] != typed[1] {
		return "", fmt.Errorf("the two %ss differ: try again", what)
	}
	return typed[0], nil
}
