// Package host is the agent's side of the installed system and of an image that
// is being built: it carries out the install guide's steps (guide/kind) there.
// On a booted node a step's main command is a transient systemd unit, which
// outlives the agent; in an image's chroot it is a plain child.
package host
