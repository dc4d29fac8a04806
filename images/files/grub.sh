# Runs in the tools root: makes GRUB's two images for a BIOS in the directory
# /media, for whoever partitions a disk to write to it.
# $1 label of the root file system
set -eu
cat >/tmp/early.cfg <<EOF
search --no-floppy --label $1 --set=root
set prefix=(\$root)/boot/grub
configfile (\$root)/boot/grub/grub.cfg
EOF

grub-mkimage -O i386-pc -o /media/core.img -p '' -c /tmp/early.cfg \
	biosdisk part_gpt part_msdos ext2 search search_label search_fs_uuid normal configfile linux echo test ls serial terminal minicmd
cp /usr/lib/grub/i386-pc/boot.img /media/boot.img
ls -l /media
