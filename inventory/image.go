package inventory

import "time"

// Image is one artefact in the content-addressed store: a role's root file
// system, a kernel, a ramdisk, a boot loader or a guest image.
type Image struct {
	ID     uint   `gorm:"primaryKey" json:"-"`
	Name   string `json:"name"`   // "base", "role-controller", "deploy-kernel", "deploy-ramdisk", "guest-tiny", "guest-debian", "undionly.kpxe"
	Format string `json:"format"` // "raw" (a file system) or "qcow2" or "file"
	Digest string `json:"digest"` // SHA-256 of the stored (compressed) bytes, hex
	Size   int64  `json:"size"`   // stored bytes
	// RawDigest and RawSize describe the bytes after zstd decompression; equal
	// to Digest and Size when Compression is "".
	RawDigest   string    `json:"raw_digest"`
	RawSize     int64     `json:"raw_size"`
	Compression string    `json:"compression"` // "zstd" or ""
	Key         string    `json:"key"`         // digest of all inputs; the cache key
	Built       time.Time `gorm:"serializer:stamp" json:"built"`
	Seconds     float64   `json:"seconds"` // how long the build took
}
