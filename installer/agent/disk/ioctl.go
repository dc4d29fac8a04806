package disk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctlPtr passes two 64-bit values, which is what BLKDISCARD takes.
func ioctlPtr(fd uintptr, request uint, arg *[2]uint64) error {
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(unsafe.Pointer(arg))); e != 0 {
		return e
	}
	return nil
}
