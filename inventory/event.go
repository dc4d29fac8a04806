package inventory

import "time"

// EventType names what happened; the set is closed.
type EventType string

// Events on the wire are pxe's, the others are the engine's.
const (
	EventDHCPDiscover EventType = "dhcp.discover"
	EventDHCPAck      EventType = "dhcp.ack"
	EventLoader       EventType = "loader" // a boot loader fetched over TFTP
	EventScript       EventType = "script" // the iPXE script fetched
	EventKernel       EventType = "kernel"
	EventRamdisk      EventType = "ramdisk" // last byte sent
	EventEnrolled     EventType = "agent.enrolled"
	EventInstalled    EventType = "agent.installed" // the installed system's agent reported
	EventStray        EventType = "agent.stray"     // a system was started that was not to be: the one that is being replaced
	EventDiscovered   EventType = "node.discovered"
	EventNodeState    EventType = "node.state"
	EventStep         EventType = "step"
	EventRun          EventType = "run"
	EventPower        EventType = "power"
	EventConsole      EventType = "console" // somebody got the keyboard of a node's console
	EventServing      EventType = "serving" // a rack's machines are heard again
	EventCopy         EventType = "copy"    // nodes keep a sealed copy of the appliance
	EventRefused      EventType = "refused" // something was asked for and not given; Text says why
)

// Event is one thing that happened, in the order of ID.
type Event struct {
	ID    uint      `gorm:"primaryKey" json:"id"`
	Time  time.Time `gorm:"serializer:stamp" json:"time"`
	Type  EventType `json:"type"`
	RunID *uint     `json:"run,omitempty"`
	Node  string    `json:"node,omitempty"`
	MAC   string    `json:"mac,omitempty"`
	Step  string    `json:"step,omitempty"`
	Text  string    `json:"text"` // one line for a person; never a secret
}

// EventQuery asks for events, newest first; what is empty is not asked for.
type EventQuery struct {
	Text   string // in the text, the node, the MAC or the step; any case
	Node   string
	Type   EventType
	Before uint // only events with a smaller ID: the page after one that ended there
	Limit  int  // 100 if it is not positive
}
