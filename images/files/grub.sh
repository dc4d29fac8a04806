# Runs in the tools root with the base root on /media: makes GRUB's two images
# for a BIOS, which whoever partitions a disk writes to it.
set -eu
cat >/tmp/early.cfg <<'EOF'
search --no-floppy --label sandai-root --set=root
set prefix=($root)/boot/grub
configfile ($root)/boot/grub/grub.cfg
EOF
boot=/media/usr/lib/sandai/boot
mkdir -p $boot
grub-mkimage -O i386-pc -o $boot/core.img -p '' -c /tmp/early.cfg \
	biosdisk part_gpt part_msdos ext2 search search_label search_fs_uuid normal configfile linux echo test ls serial terminal minicmd
cp /usr/lib/grub/i386-pc/boot.img $boot/boot.img
ls -l $boot
