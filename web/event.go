package web

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"sandai/inventory"
)

// eventPage is how many events one answer or one read of the stream holds.
const eventPage = 500

// pingEvery is how often the stream shows that it is alive.
const pingEvery = 15 * time.Second

// Ping is sent first and then every 15 s on a quiet stream, so that a reader
// can tell a dead connection from a quiet rack.
type Ping struct {
	Now time.Time `json:"now"`
}

func (s *server) eventRoutes(api huma.API) {
	type eventsAfter struct {
		After uint `query:"after" doc:"the events after this ID"`
		Limit int  `query:"limit" default:"100" minimum:"1" maximum:"500"`
	}
	huma.Register(api, get("events", "/events", "List events, oldest first"), func(ctx context.Context, in *eventsAfter) (*answer[[]inventory.Event], error) {
		evs, err := s.Events.Events(ctx, in.After, in.Limit)
		if evs == nil {
			evs = []inventory.Event{}
		}
		return reply(evs, err)
	})
	type streamAfter struct {
		After uint `query:"after" doc:"the events after this ID; the header Last-Event-ID goes before"`
		Last  uint `header:"Last-Event-ID"`
	}
	stream := get("events-stream", "/events/stream", "Follow the events (server-sent events, resumable with Last-Event-ID)")
	sse.Register(api, stream, map[string]any{"message": inventory.Event{}, "ping": Ping{}}, func(ctx context.Context, in *streamAfter, send sse.Sender) {
		s.stream(ctx, max(in.After, in.Last), send)
	})
}

// stream sends events until the reader is gone or too slow; it then comes again
// with the last ID that it saw, and nothing is lost.
func (s *server) stream(ctx context.Context, after uint, send sse.Sender) {
	wake, cancel := s.Events.Subscribe()
	defer cancel()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	if send.Data(Ping{time.Now()}) != nil {
		return
	}
	for {
		evs, err := s.Events.Events(ctx, after, eventPage)
		if err != nil {
			return
		}
		for _, e := range evs {
			if send(sse.Message{ID: int(e.ID), Data: e}) != nil {
				return
			}
			after = e.ID
		}
		if len(evs) > 0 {
			continue // perhaps there are more; if not, wait below
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-ping.C:
			if send.Data(Ping{time.Now()}) != nil {
				return
			}
		}
	}
}
