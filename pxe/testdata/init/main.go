// Command init is the first process of a test's ramdisk: it says what the
// kernel unpacked next to it.
package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	b, err := os.ReadFile("/etc/sandai/ca.pem")
	fmt.Printf("the CA is %q, error %v\n", b, err)
	syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
