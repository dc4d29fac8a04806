// Package cloud carries out the steps of the guide that talk to the cloud's own
// API (kind.API) and the proof at its end, over HTTP with gophercloud. The
// python client is never used: it costs seconds of CPU a call.
//
// Every step finds the object by name first and makes only what is missing, so
// a step may be repeated, or go on where a dead process left it. What fails in
// passing (a service that starts, a gateway time-out) is tried again until the
// step's deadline, which is its context's.
package cloud
