package db

import (
	"cmp"
	"context"
	"database/sql"
	"strings"
	"time"

	"gorm.io/gorm"

	"sandai/inventory"
)

// AppendEvent stores an event and returns it with its ID; a zero Time is now.
func (s *Store) AppendEvent(ctx context.Context, e inventory.Event) (inventory.Event, error) {
	list := []inventory.Event{e}
	err := s.write(ctx, "storing an event", func(tx *gorm.DB) error { return appendEvents(tx, inventory.Event{}, list) })
	if err != nil {
		return inventory.Event{}, err
	}
	return list[0], nil
}

// appendEvents stores events and sets their IDs; what one leaves empty is taken
// from about.
func appendEvents(tx *gorm.DB, about inventory.Event, list []inventory.Event) error {
	if len(list) == 0 {
		return nil
	}
	for i := range list {
		e := &list[i]
		e.ID = 0
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		e.Time = e.Time.UTC()
		if e.RunID == nil {
			e.RunID = about.RunID
		}
		e.Node = cmp.Or(e.Node, about.Node)
		e.Step = cmp.Or(e.Step, about.Step)
	}
	return tx.CreateInBatches(&list, batch).Error
}

// Events lists the events after an ID, oldest first, at most limit (1000 if it
// is not positive). A reader resumes with the last ID that it saw.
func (s *Store) Events(ctx context.Context, afterID uint, limit int) ([]inventory.Event, error) {
	if limit <= 0 {
		limit = 1000
	}
	var list []inventory.Event
	if err := s.read(ctx).Where("id > ?", afterID).Order("id").Limit(limit).Find(&list).Error; err != nil {
		return nil, fail(err, "listing events")
	}
	return list, nil
}

// FindEvents lists the events that a query asks for, newest first.
func (s *Store) FindEvents(ctx context.Context, q inventory.EventQuery) ([]inventory.Event, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	tx := s.read(ctx)
	if q.Text != "" {
		like := "%" + likeEscape.Replace(q.Text) + "%"
		tx = tx.Where(`text LIKE @q ESCAPE '\' OR node LIKE @q ESCAPE '\' OR mac LIKE @q ESCAPE '\' OR step LIKE @q ESCAPE '\'`, sql.Named("q", like))
	}
	if q.Node != "" {
		tx = tx.Where("node = ?", q.Node)
	}
	if q.Type != "" {
		tx = tx.Where("type = ?", q.Type)
	}
	if q.Before > 0 {
		tx = tx.Where("id < ?", q.Before)
	}
	var list []inventory.Event
	if err := tx.Order("id DESC").Limit(q.Limit).Find(&list).Error; err != nil {
		return nil, fail(err, "searching the events")
	}
	return list, nil
}

// likeEscape takes the meaning of its signs from a text for SQL's LIKE.
var likeEscape = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// NodeEvents lists a node's events of some types (of any if there are none)
// from since on, oldest first. One that names a MAC is not that of a node of the
// same name in another rack.
func (s *Store) NodeEvents(ctx context.Context, node inventory.Node, types []inventory.EventType, since time.Time) ([]inventory.Event, error) {
	macs := []string{""}
	for _, c := range node.NICs {
		macs = append(macs, c.MAC)
	}
	q := s.read(ctx).Where("node = ? AND time >= ? AND mac IN ?", node.Name, stamp(since), macs)
	if len(types) > 0 {
		q = q.Where("type IN ?", types)
	}
	var list []inventory.Event
	if err := q.Order("id").Find(&list).Error; err != nil {
		return nil, fail(err, "listing the events of node %s", node.Name)
	}
	return list, nil
}

// Subscribe returns a channel that gets a wake-up after each committed write.
// Wake-ups that nobody took yet become one, so a slow reader holds nobody up:
// read what is new since the last ID, then wait again. cancel ends it.
func (s *Store) Subscribe() (ch <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	s.subs[c] = struct{}{}
	s.mu.Unlock()
	return c, func() {
		s.mu.Lock()
		delete(s.subs, c)
		s.mu.Unlock()
	}
}

func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
