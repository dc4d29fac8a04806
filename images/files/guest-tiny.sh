# Runs in the tools root: makes the tiny guest of the kernel and the initrd on
# /media: a FAT file system that starts by itself (SYSLINUX), as qcow2.
# $1 name of the result, $2 SOURCE_DATE_EPOCH, $3 volume serial number, 8 hex digits
set -eu
export SOURCE_DATE_EPOCH=$2 MTOOLS_SKIP_CHECK=1
cd /media
cat >syslinux.cfg <<'EOF'
SERIAL 0 115200
DEFAULT guest
PROMPT 0
TIMEOUT 1
LABEL guest
  LINUX /vmlinuz
  APPEND initrd=/initrd console=tty0 console=ttyS0,115200 quiet panic=5 mitigations=off
EOF
touch -d "@$2" vmlinuz initrd syslinux.cfg
# The files and 2 MiB, in KiB.
size=$((($(stat -c %s vmlinuz) + $(stat -c %s initrd)) / 1024 + 2048))
rm -f disk "$1"
mkfs.fat -F 16 -n SANDAI -i "$3" -C disk $size
mcopy -m -i disk vmlinuz initrd syslinux.cfg ::/
syslinux --install disk
qemu-img convert -f raw -O qcow2 -c disk "$1"
ls -l
