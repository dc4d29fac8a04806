// Package images makes and keeps what is laid down on machines: the root file
// system of each role, the deploy kernel and ramdisk, the network boot loaders
// and the guest images for the cloud.
//
// A [Store] is content-addressed: a blob's file name is the SHA-256 of its
// bytes, and one small file a name points at the blob. A [Builder] fills it.
// Every image has a key, the digest of all its inputs (builder, package lists,
// scripts, the mirror's signed release files); an image whose key did not
// change is not built again. Built again from the same inputs, base, network
// and compute come out with the same digest; the controller does not, because
// MariaDB's data files are never byte for byte the same.
package images
