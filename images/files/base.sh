# Runs in the new base root: makes a blank Debian into a node's system.
set -eu

cat >/etc/dpkg/dpkg.cfg.d/sandai <<'EOF'
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
EOF
rm -f /etc/dpkg/dpkg.cfg.d/99mmdebstrap /etc/apt/apt.conf.d/99mmdebstrap
cat >/etc/apt/apt.conf.d/50sandai <<'EOF'
APT::Install-Recommends "false";
Acquire::Languages "none";
EOF

echo 'LABEL=sandai-root / ext4 defaults,x-systemd.growfs 0 1' >/etc/fstab
echo localhost >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts
echo 'LANG=C.UTF-8' >/etc/default/locale

# A slow machine is not a broken one.
mkdir -p /etc/systemd/system.conf.d /etc/systemd/system/sshd-keygen.service.d
printf '[Manager]\nDefaultTimeoutStartSec=1800s\n' >/etc/systemd/system.conf.d/sandai.conf

# One host key, made where there is none, not only on what systemd holds to be a
# first boot.
cat >/etc/systemd/system/sshd-keygen.service.d/sandai.conf <<'EOF'
[Unit]
ConditionFirstBoot=
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
[Service]
ExecStart=
ExecStart=ssh-keygen -q -t ed25519 -N "" -C "" -f /etc/ssh/ssh_host_ed25519_key
EOF
cat >/etc/ssh/sshd_config.d/sandai.conf <<'EOF'
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin prohibit-password
UseDNS no
EOF

mask() { for u in "$@"; do ln -sf /dev/null "/etc/systemd/system/$u"; done; }
# Housekeeping that an installed image does not need.
mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
	fstrim.timer man-db.timer systemd-pstore.service
# Done here already, or only for hardware and containers that a node has not.
mask ldconfig.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
	systemd-update-done.service systemd-binfmt.service systemd-networkd-persistent-storage.service \
	systemd-mountfsd.socket systemd-nsresourced.socket systemd-pcrextend.socket systemd-timesyncd.service \
	modprobe@loop.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
	modprobe@configfs.service sys-kernel-debug.mount sys-kernel-tracing.mount
# The consoles are serial; AppArmor's profiles cost minutes on a slow machine.
mask getty@tty1.service apparmor.service

# Each generator is a process at every boot and every daemon-reload.
mkdir -p /etc/systemd/system-generators
for g in ssh gpt-auto hibernate-resume rc-local system-update tpm2; do
	ln -sf /dev/null "/etc/systemd/system-generators/systemd-$g-generator"
done

systemctl --quiet enable systemd-networkd.service systemd-networkd-wait-online.service ssh.service
systemctl --quiet set-default multi-user.target

version=$(ls /usr/lib/modules)
[ "$(readlink /boot/vmlinuz)" = "vmlinuz-$version" ] || ln -sf "vmlinuz-$version" /boot/vmlinuz
[ "$(readlink /boot/initrd.img)" = "initrd.img-$version" ] || ln -sf "initrd.img-$version" /boot/initrd.img
rm -f /boot/vmlinuz.old /boot/initrd.img.old
mkdir -p /usr/lib/sandai/boot /boot/grub
echo 'root=LABEL=sandai-root rootfstype=ext4 rw console=tty0 console=ttyS0,115200n8 quiet panic=30 systemd.default_timeout_start_sec=1800' >/usr/lib/sandai/boot/cmdline
cat >/boot/grub/grub.cfg <<EOF
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout_style=hidden
set timeout=1
set default=0
menuentry "Debian" {
	linux /boot/vmlinuz $(cat /usr/lib/sandai/boot/cmdline)
	initrd /boot/initrd.img
}
menuentry "Debian, verbose, single user" {
	linux /boot/vmlinuz $(sed 's/ quiet//' /usr/lib/sandai/boot/cmdline) single
	initrd /boot/initrd.img
}
EOF
