package inventory

import "fmt"

// Hosted is what a compute node carries for the cloud.
type Hosted struct {
	Hypervisor string         `json:"hypervisor"` // its UUID in Nova and Placement, "" where Nova has none
	Servers    []HostedServer `json:"servers"`    // of every project
}

// HostedServer is a server on a compute node, and what becomes of it when the
// node is reinstalled or released.
type HostedServer struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Project string `json:"project"`         // its UUID
	Status  string `json:"status"`          // Nova's: "ACTIVE", "SHUTOFF", …
	Proof   bool   `json:"proof,omitempty"` // the proof made it, and makes another at its next turn
	Image   string `json:"image,omitempty"`
	// Drive: it boots from a volume and has its config drive on the node. DriveImage is
	// what the volume was made from; by it Nova makes the drive anew, and leaves the volume.
	Drive      bool       `json:"drive,omitempty"`
	DriveImage string     `json:"drive_image,omitempty"`
	Fate       ServerFate `json:"fate"`
	Reason     string     `json:"reason"` // why it has this fate
}

// ServerFate is what a reinstall or a release does to a server.
type ServerFate string

// Fates of a server.
const (
	ServerKept      ServerFate = "kept"      // it is off and boots from a volume
	ServerRestarted ServerFate = "restarted" // it boots from a volume: stopped, and started again afterwards
	ServerRebuilt   ServerFate = "rebuilt"   // its disk is lost; it is made anew from its image, with its ID and its addresses
	ServerLost      ServerFate = "lost"      // its disk is lost and nothing can make it anew
	ServerRemoved   ServerFate = "removed"   // it is the proof's, which makes another
	ServerMoved     ServerFate = "moved"     // it boots from a volume: another node takes it over
	ServerRemade    ServerFate = "remade"    // as rebuilt, on another node
	ServerBlocks    ServerFate = "blocks"    // its state can be neither kept nor made anew: a person decides first
)

// Leaves fills in what becomes of a server, whose fate in a reinstall is known, when
// its node is released. elsewhere: another compute node could take it. It is pure.
func Leaves(s HostedServer, elsewhere bool) HostedServer {
	if s.Drive { // which Nova makes anew on another node, with or without the image
		s.Drive = false
		s = FateOf(s, false)
	}
	switch {
	case s.Fate == ServerRemoved, s.Fate == ServerBlocks:
	case s.Fate == ServerLost:
		s.Fate, s.Reason = ServerBlocks, "its disk is on the node, and the image that it was made from is gone: have its owner delete it"
	case !elsewhere:
		s.Fate, s.Reason = ServerBlocks, "no other compute node could take it: have its owner delete it, or add a compute node first"
	case s.Image == "":
		s.Fate, s.Reason = ServerMoved, "it boots from a volume: another compute node takes it over, under its ID and with its addresses"
	default:
		s.Fate, s.Reason = ServerRemade, "its disk is on the node and is lost: it is made anew from its image on another compute node, under its ID and with its addresses"
	}
	return s
}

// FateOf fills in a server's fate. It is pure. imageThere: the image that it was
// made from is still in Glance.
func FateOf(s HostedServer, imageThere bool) HostedServer {
	volume := s.Image == ""
	switch {
	case s.Proof:
		s.Fate, s.Reason = ServerRemoved, "it is of the cloud's proof, which makes another where it finds a compute node"
	case s.Status != "ACTIVE" && s.Status != "SHUTOFF" && s.Status != "ERROR":
		s.Fate, s.Reason = ServerBlocks, fmt.Sprintf("it is %s, which would be lost: make it ACTIVE or SHUTOFF, or delete it", s.Status)
	case s.Drive && s.DriveImage == "":
		s.Fate, s.Reason = ServerBlocks, "it boots from a volume, and its config drive is on the node; the image that the volume was made from is gone, so nothing can make the drive anew: release the node (others take it over), or have its owner delete it"
	case volume && s.Status == "ACTIVE" && s.Drive:
		s.Fate, s.Reason = ServerRestarted, "it boots from a volume: it is stopped, and when the node is back its config drive is made anew and it is started again"
	case volume && s.Drive:
		s.Fate, s.Reason = ServerKept, "it is off and boots from a volume: its config drive is made anew"
	case volume && s.Status == "ACTIVE":
		s.Fate, s.Reason = ServerRestarted, "it boots from a volume: it is stopped, and started again when the node is back"
	case volume:
		s.Fate, s.Reason = ServerKept, "it is off and boots from a volume: nothing of it is on the node"
	case imageThere:
		s.Fate, s.Reason = ServerRebuilt, "its disk is on the node and is lost: it is made anew from its image, under its ID and with its addresses"
	default:
		s.Fate, s.Reason = ServerLost, "its disk is on the node and is lost, and the image that it was made from is gone"
	}
	return s
}
