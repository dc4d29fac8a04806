package db

import (
	"testing"
)

// contract is what every kind of database must do; each calls it with its own
// way to open an empty Store. (SQLite today, PostgreSQL when it comes.)
func contract(t *testing.T, open func(t testing.TB) *Store) {
	for name, test := range map[string]func(t *testing.T, s *Store){
		"rack round trip":          rackRoundTrip,
		"rack by name":             rackByName,
		"rack changed":             rackChanged,
		"rack keeps what it must":  rackKeeps,
		"rack swaps":               rackSwaps,
		"rack replaces":            rackReplaces,
		"node":                     nodeUpdates,
		"node renamed":             nodeRenamed,
		"node by MAC":              nodeByMAC,
		"discover":                 discover,
		"lease fixed":              leaseFixed,
		"lease pool":               leasePool,
		"lease moved":              leaseMoved,
		"lease side by side":       leaseRace,
		"image":                    imageRoundTrip,
		"run":                      runs,
		"latest runs":              latestRuns,
		"count steps":              countSteps,
		"one active run":           oneActiveRun,
		"step round trip":          stepRoundTrip,
		"step update undone":       stepUndone,
		"steps side by side":       stepRace,
		"events":                   events,
		"events with their change": eventsTogether,
		"journey":                  journeys,
		"subscribe":                subscribe,
		"secrets":                  secrets,
		"secret made once":         secretRace,
		"users":                    users,
		"last admin":               lastAdmin,
		"first user":               firstUser,
		"first user, many at once": firstUserRace,
		"session":                  session,
		"session's end":            sessionEnds,
		"token":                    tokenLife,
		"audit":                    audit,
		"broken rules":             brokenRules,
		"context":                  contextEnds,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func TestSQLite(t *testing.T) { contract(t, openSQLite) }
