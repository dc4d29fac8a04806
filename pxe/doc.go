// Package pxe is what a machine hears before it has an operating system: DHCP,
// TFTP, HTTP, iPXE scripts and router advertisements on the provisioning
// network of one rack.
//
// Every part asks the same question, Boots.Decide, so that a machine is never
// told one thing over DHCP and another over HTTP. Asking costs nothing; the
// nonce of an install is spent at one place only, when the iPXE script that
// starts the deploy ramdisk is handed out.
//
// A machine's way through the package:
//
//	DISCOVER, REQUEST  an address; for a PXE client also where to find the next stage
//	TFTP               undionly.kpxe or ipxe.efi, when its firmware is not iPXE yet
//	/boot.ipxe         the script: the deploy ramdisk, or its own disk
//	/kernel, /ramdisk  the deploy system, with the appliance's CA appended
//	/images/DIGEST     what the agent in the ramdisk writes to the disk
//
// Standards: RFC 2131 and 2132 (DHCP), RFC 4578 and the PXE 2.1 specification
// (PXE options), RFC 3004 (user class), RFC 1350, 2347, 2348, 2349 (TFTP and its
// options), RFC 4861 (router advertisements), UEFI 2.10 §24.7 (HTTP boot).
package pxe
