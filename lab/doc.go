// Package lab is the virtual rack: QEMU machines, each with its own IPMI
// simulator (OpenIPMI's ipmi_sim) as BMC, in a network namespace of the rack's
// own that has no way out.
//
// To the rest of the program the rack is a rack: machines power on over IPMI
// only, boot from their disk, then from the network, and hear nothing but the
// wire. The package therefore imports nothing of ours; what it shares with an
// appliance is the file rack.yaml.
//
// A rack is a directory (Options.Dir). Everything that runs is written to
// lab/lab.json in it, each process with its start time, so that Down ends
// exactly what Up began even when another process made it.
package lab
