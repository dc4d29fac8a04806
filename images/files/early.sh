# Runs on the host while mmdebstrap works, before the kernel is unpacked: $1 is
# the new root. The kernel's own scripts then make the initramfs once, and right.
set -eu
mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
cat >"$1/etc/initramfs-tools/conf.d/sandai" <<'EOF'
# Only what finds the root file system: unpacking it is a good part of a boot.
MODULES=list
COMPRESS=zstd
COMPRESSLEVEL=9
RESUME=none
FSTYPE=ext4
EOF
cat >"$1/usr/share/initramfs-tools/modules.d/sandai" <<'EOF'
virtio_blk
virtio_scsi
ahci
ata_piix
sd_mod
nvme
megaraid_sas
mpt3sas
ext4
crc32c_generic
crc32c_intel
EOF
cat >"$1/etc/kernel-img.conf" <<'EOF'
do_symlinks = yes
link_in_boot = yes
EOF
