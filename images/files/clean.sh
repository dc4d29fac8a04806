# Runs last in every root: removes what is of this build and not of the image.
# $1 is SOURCE_DATE_EPOCH.
set -eu
ldconfig
find /var/log -type f -delete
rm -rf /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/backups/* /root/.cache
rm -f /var/lib/systemd/random-seed /var/lib/systemd/credential.secret

# What must be each machine's own is made at its first boot.
: >/etc/machine-id
rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /etc/nvme/hostid /etc/nvme/hostnqn
rm -f /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem /var/lib/rabbitmq/.erlang.cookie
[ ! -e /var/lib/dbus/machine-id ] || [ -L /var/lib/dbus/machine-id ] || rm /var/lib/dbus/machine-id
[ ! -e /etc/iscsi/initiatorname.iscsi ] || echo GenerateName=yes >/etc/iscsi/initiatorname.iscsi

# The day an account was made is today in Debian's eyes.
sed -i -E "s/^([^:]*:[^:]*:)[0-9]+:/\1$(($1 / 86400)):/" /etc/shadow
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid-

# Nothing needs to be updated at the first boot (systemd.unit(5), ConditionNeedsUpdate).
touch /etc/.updated /var/.updated
