// Package standin is a machine that is none: a small program that behaves like a
// server on the wire and has no operating system. It asks for an address as iPXE
// does, fetches what its boot script names, enrolls, and answers the steps that
// it is given, in seconds where a real machine takes minutes. The tests of the
// page and of the appliance's own work stand on it.
//
// It says so wherever a person looks: in its product name, on its serial port, in
// the output of every step. It proves nothing of images, disks or the guide; for
// that there are the lab's QEMU machines.
//
// Like the rest of the lab it imports nothing of ours. The messages are declared
// anew from docs/design.md, so that a change of the protocol which forgets the
// agents in the field shows.
package standin
