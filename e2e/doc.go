// Package e2e tests the whole program on the wire: the real binaries, a real
// IPMI simulator, a real QEMU machine, a real Debian. It needs root.
package e2e
