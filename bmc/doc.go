// Package bmc drives a server's baseboard management controller: power, boot
// device, console, event log and sensors, through one small Controller.
//
// A BMC's answer is never believed. Whatever is set is read back until it is
// so or a deadline passes, because controllers of every make accept commands
// that have no effect. One command at a time goes to a BMC, process-wide,
// because many of them hang when two arrive together, and machines are not
// started twice within Config.ResetGap.
//
// IPMI (IPMI 2.0 with RMCP+, through bmclib and ipmitool) is the one kind that
// exists. Every Controller passes the contract suite in contract_test.go.
package bmc
