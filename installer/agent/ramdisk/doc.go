// Package ramdisk is the agent's life in the deploy ramdisk: as PID 1 it sets the
// machine up (file systems, drivers, the NIC, a certificate), then it carries out
// the phases of an installation: inspect, wipe, write, seed, handover. It uses no
// outside command. Whatever fails is said on the console and tried again.
package ramdisk
