package standin

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// backlogSize is how much of what was said before the BMC connected is kept for
// it, in bytes.
const backlogSize = 64 << 10

// serial is the machine's serial port: a log file, and whoever is connected.
type serial struct {
	listener net.Listener

	mu      sync.Mutex
	log     *os.File
	conn    net.Conn
	backlog []byte
	prompt  string // what a line typed is answered with; "" for no echo
}

func openSerial(path string, l net.Listener) (*serial, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the console's log: %w", err)
	}
	s := &serial{listener: l, log: f}
	go s.accept()
	return s, nil
}

func (s *serial) close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
	s.log.Close()
}

// accept serves one connection at a time, as a serial port has one plug; a new
// one takes the place of the old.
func (s *serial) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.drop()
		s.conn = c
		s.transmit(s.backlog)
		s.backlog = nil
		s.mu.Unlock()
		go s.read(c)
	}
}

func (s *serial) drop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// Write sends text with the line ends of a terminal.
func (s *serial) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n")))
	return len(p), nil
}

// put sends bytes as they are. The caller holds mu.
func (s *serial) put(p []byte) {
	_, _ = s.log.Write(p) // a full disk must not stop the machine
	if s.conn != nil {
		s.transmit(p)
		return
	}
	s.backlog = append(s.backlog, p...)
	if n := len(s.backlog) - backlogSize; n > 0 {
		s.backlog = s.backlog[n:]
	}
}

// transmit sends to the connection; one that does not take it is dropped.
func (s *serial) transmit(p []byte) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if _, err := s.conn.Write(p); err != nil {
		s.drop()
	}
}

// answer sets what each typed line is answered with, and shows it once.
func (s *serial) answer(prompt string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompt = prompt
	s.put([]byte("\r\n" + prompt))
}

// read echoes what is typed.
func (s *serial) read(c net.Conn) {
	buf := make([]byte, 256)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.prompt != "" {
			for _, b := range buf[:n] {
				s.typed(b)
			}
		}
		s.mu.Unlock()
	}
}

func (s *serial) typed(b byte) {
	switch {
	case b == '\r':
		s.put([]byte("\r\n" + product + ": nobody can log in here, there is no operating system\r\n" + s.prompt))
	case b >= ' ' && b < 0x7f:
		s.put([]byte{b})
	}
}
