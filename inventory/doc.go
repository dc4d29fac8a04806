// Package inventory holds the nouns of Sandai and their rules: Rack, Node, NIC,
// BMC, Network, Lease, Image, Run, Step, Event and Secret, and the messages that
// the appliance and a node's agent exchange. It imports nothing of ours; storage
// is in inventory/db.
package inventory
