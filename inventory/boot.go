package inventory

// BootAction is what a machine that asks for a boot is given.
type BootAction string

// Answers of the boot decision.
const (
	BootRamdisk BootAction = "ramdisk" // the deploy ramdisk, to be inspected or installed
	BootDisk    BootAction = "disk"    // its own disk
	BootSilent  BootAction = "silent"  // no answer at all
)

// BootDecision is the one answer that DHCP, TFTP and HTTP all follow.
type BootDecision struct {
	Action BootAction
	Reason string // for the log and the page
	Node   string // "" for a machine that is not in the inventory
	RackID uint
	// Nonce is the one-time token of this boot, only with BootRamdisk.
	Nonce string
}

// Machine is a thing on the wire that has only a MAC and an architecture.
type Machine struct {
	MAC  string // lower case with colons
	Arch uint16 // client architecture, RFC 4578 §2.1: 0 BIOS, 7 UEFI x64, 16 UEFI HTTP
	UUID string // client machine identifier, RFC 4578 §2.3, "" when not sent
}
