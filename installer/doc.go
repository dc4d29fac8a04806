// Package installer is the life of a node and of a rack: the boot decision, the
// plan, and the engine that carries a plan out. The engine is a loop over stored
// steps; nothing that matters lives outside the store, so the process may end at
// any moment and go on where it was.
package installer
