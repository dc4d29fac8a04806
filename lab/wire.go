package lab

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// presencePing sends an RMCP/ASF presence ping (IPMI 2.0 §13.2.3) and waits
// for the pong.
func presencePing(addr netip.AddrPort, timeout time.Duration) error {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	if _, err := c.Write([]byte{0x06, 0x00, 0xff, 0x06, 0x00, 0x00, 0x11, 0xbe, 0x80, 0x01, 0x00, 0x00}); err != nil {
		return err
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	if err != nil {
		return err
	}
	if n < 9 || !bytes.Equal(buf[4:9], []byte{0x00, 0x00, 0x11, 0xbe, 0x40}) {
		return fmt.Errorf("%s answered a presence ping with % x", addr, buf[:n])
	}
	return nil
}

func freeUDPPort(ip netip.Addr) (int, error) {
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		return 0, fmt.Errorf("find a free UDP port: %w", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// write puts the simulator's files into dir and returns ipmi_sim's arguments.
// What the simulator kept of an earlier life (users, SOL settings) is removed:
// the files say all.
func (s simulator) write(dir string, fru []byte) ([]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "sim")
	if err := os.RemoveAll(state); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"lan.conf", []byte(s.lanConf())}, {"emu.cmd", []byte(s.emuCommands())}, {"fru.bin", fru}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.data, 0o600); err != nil {
			return nil, fmt.Errorf("write the simulator's files: %w", err)
		}
	}
	return []string{"-c", filepath.Join(dir, "lan.conf"), "-f", filepath.Join(dir, "emu.cmd"), "-s", state, "-n"}, nil
}
