# Runs in the tools root: makes an ext4 image of the tree on /mnt as
# /media/NAME, from a sorted tar with no time after $2, so that the same tree
# gives the same bytes.
# $1 NAME, $2 SOURCE_DATE_EPOCH, $3 UUID, $4 hash seed, $5 label
set -eu
export SOURCE_DATE_EPOCH=$2
cd /mnt
ls_() {
	find . \( -path './proc/*' -o -path './sys/*' -o -path './dev/*' -o -path './run/*' -o -path './tmp/*' \
		-o -path './var/tmp/*' -o -path './mnt/*' -o -path './media/*' -o -path './var/lib/apt/lists/*' -o -path './var/cache/apt/*' \
		-o -path ./usr/sbin/policy-rc.d -o -name 99sandai-build \) -prune -o "$@"
}
ls_ -print0 | LC_ALL=C sort -z >/tmp/list
set -- "$@" $(ls_ -printf '%y %s\n' | awk '
	{ n++ }
	$1 == "f" { b += int(($2 + 4095) / 4096) }
	$1 == "d" { b += $2 > 4096 ? int(($2 + 4095) / 4096) : 1 }
	$1 == "l" && $2 > 59 { b++ }
	END {
		inodes = int(n * 1.15) + 2048
		# file data, inodes of 256 bytes, a journal of 64 MiB, groups, and room to boot in
		print inodes, int((b + inodes / 16 + 16384) * 1.06) + 16384
	}')
rm -f "/media/$1"
tar --create --file=- --format=posix --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' \
	--mtime="@$2" --clamp-mtime --numeric-owner --xattrs --xattrs-include='*' --no-recursion --null --files-from=/tmp/list |
	mke2fs -q -F -t ext4 -L "$5" -U "$3" -E "hash_seed=$4,lazy_itable_init=0" -J size=64 -m 1 -N "$6" -b 4096 \
		-d - "/media/$1" "$7"
echo "$6 inodes, $7 blocks of 4096 bytes; free: $(dumpe2fs -h "/media/$1" 2>/dev/null | sed -n 's/^Free blocks: *//p')"
