package web

import (
	"context"
	"slices"
	"time"

	"sandai/inventory"
	"sandai/web/page"
)

// sensorAge is how old a BMC's readings may get while somebody looks.
const sensorAge = 15 * time.Second

// bmcFacts asks a node's BMC what it measures and remembers; nil where the node
// has none. A node that hands are off is not asked.
func (s *server) bmcFacts(ctx context.Context, rack inventory.Rack, node string) *page.BMCFacts {
	i := slices.IndexFunc(rack.Nodes, func(n inventory.Node) bool { return n.Name == node })
	if i < 0 || rack.Nodes[i].BMC == nil {
		return nil
	}
	if rack.Nodes[i].HandsOff != nil {
		return &page.BMCFacts{HandsOff: true}
	}
	patience, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	key := rack.Name + "/" + node
	return &page.BMCFacts{
		Sensors: lookAt(s.looks, patience, "sensors/"+key, sensorAge, func(ctx context.Context) (inventory.Sensors, error) { return s.Sensors.Sensors(ctx, rack.Name, node) }),
		SEL:     lookAt(s.looks, patience, "sel/"+key, sensorAge, func(ctx context.Context) (inventory.SEL, error) { return s.Sensors.SEL(ctx, rack.Name, node) }),
	}
}
