package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"
	"gorm.io/gorm"

	"sandai/inventory"
)

// unique says in words what each unique constraint of the schema means. SQLite
// names the columns, not the constraint.
var unique = map[string]string{
	"racks.name":                      "a rack of this name exists already; choose another name",
	"networks.rack_id, networks.kind": "a rack has one network of each kind; remove the second",
	"nodes.rack_id, nodes.name":       "the rack has a node of this name already; choose another name",
	"nodes.rack_id, nodes.address":    "another node of the rack has this address; give each node its own",
	"nics.mac":                        "another NIC has this MAC; correct it, or remove the node that holds it first",
	"bmcs.node_id":                    "a node has one BMC; change it instead of adding a second",
	"leases.rack_id, leases.address":  "this address is leased to another MAC; wait until that lease ends",
	"leases.rack_id, leases.mac":      "this MAC has a lease already; use it",
	"images.name":                     "an image of this name exists already; replace it instead",
	"runs.rack_id":                    "the rack has an active run; wait until it ends",
	"steps.run_id, steps.key":         "the run has a step of this key already; give each step its own key",
	"users.name":                      "a user of this name exists already; choose another name",
}

// fail makes an *inventory.Error of err, told as "doing: why". One that is in
// the chain already, of a caller's function say, keeps its code and text.
func fail(err error, doing string, a ...any) error {
	var known *inventory.Error
	if errors.As(err, &known) {
		return err
	}
	doing = fmt.Sprintf(doing, a...)
	code, why := explain(err)
	return &inventory.Error{Code: code, Text: doing + ": " + why, Err: err}
}

func explain(err error) (inventory.Code, string) {
	var se sqlite3.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return inventory.Unavailable, err.Error() + " before the database was done; try again"
	case errors.Is(err, gorm.ErrRecordNotFound):
		return inventory.NotFound, "there is no such record"
	case !errors.As(err, &se):
		return inventory.Internal, err.Error()
	}
	_, detail, _ := strings.Cut(se.Error(), "constraint failed: ")
	switch {
	case se.ExtendedCode == sqlite3.ErrConstraintUnique:
		if text, ok := unique[detail]; ok {
			return inventory.Conflict, text
		}
		return inventory.Conflict, "it exists already (" + detail + ")"
	case se.ExtendedCode == sqlite3.ErrConstraintCheck:
		return inventory.Invalid, "this must hold, and does not: " + detail // the constraint's name is a sentence
	case se.ExtendedCode == sqlite3.ErrConstraintTrigger:
		return inventory.Conflict, se.Error() // the trigger's own sentence
	case se.ExtendedCode == sqlite3.ErrConstraintForeignKey:
		return inventory.NotFound, "what it belongs to is not in the database, or is still needed"
	case se.Code == sqlite3.ErrConstraint:
		return inventory.Invalid, se.Error()
	case se.Code == sqlite3.ErrBusy, se.Code == sqlite3.ErrLocked:
		return inventory.Unavailable, "another process holds the file locked; end it, or try again"
	case se.Code == sqlite3.ErrInterrupt:
		return inventory.Unavailable, "it was interrupted before the database was done; try again"
	case se.Code == sqlite3.ErrCorrupt, se.Code == sqlite3.ErrNotADB:
		return inventory.Internal, damaged + " (" + se.Error() + ")"
	case se.Code == sqlite3.ErrReadonly:
		return inventory.Unavailable, "the file or its file system is read-only; mount it so that it can be written, and try again"
	case se.Code == sqlite3.ErrFull:
		return inventory.Unavailable, "the disk is full; free some space and try again"
	}
	return inventory.Internal, se.Error()
}

const damaged = "the file is damaged: stop the appliance, keep the file for whoever may mend it, and put a good copy in its place"

func missing(err error) bool { return errors.Is(err, gorm.ErrRecordNotFound) }
