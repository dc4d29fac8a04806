# Runs in a copy of the base root: makes a node's system into a cloud's guest.
# $1 label of the root file system
set -eu
conf=/etc/initramfs-tools/update-initramfs.conf
sed -i 's/^update_initramfs=.*/update_initramfs=no/' $conf
apt-get -qy install cloud-init cloud-guest-utils fdisk sudo systemd-resolved
sed -i 's/^update_initramfs=.*/update_initramfs=yes/' $conf

cat >/etc/cloud/cloud.cfg.d/90_sandai.cfg <<'EOF'
datasource_list: [ConfigDrive, OpenStack, None]
system_info:
  network:
    renderers: [networkd]
EOF
# The list above is right: do not guess from what is there early in the boot, when
# the CD-ROM with the config drive has often not turned up yet.
echo 'policy: enabled' >/etc/cloud/ds-identify.cfg
printf 'sr_mod\nisofs\n' >/etc/modules-load.d/config-drive.conf
# cloud-init makes the host keys.
rm -r /etc/systemd/system/sshd-keygen.service.d
ln -s /dev/null /etc/systemd/system/sshd-keygen.service
sed -i '/^HostKey/d' /etc/ssh/sshd_config.d/sandai.conf

echo debian >/etc/hostname
sed -i "s/sandai-root/$1/g" /etc/fstab /boot/grub/grub.cfg /usr/lib/sandai/boot/cmdline
