// Package agent is a node's side of Sandai: it proves the boot nonce, pulls
// tasks from the appliance, carries them out side by side and reports each until
// the appliance has accepted it. The same loop runs in the deploy ramdisk
// (installer/agent/ramdisk brings its tasks) and in the installed system
// (installer/agent/host does). It goes on while the appliance is away.
package agent
