// Package rackfile reads and writes rack.yaml, the description of a rack that a
// person keeps: docs/rack.example.yaml explains each field. A file is taken
// whole or not at all, and all its mistakes are told at once, each with its
// line, its field and what was expected. Passwords of BMCs may be in a file
// that is read; a file that is written has none.
package rackfile
