package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxKeys bounds what a Limiter remembers. Who comes when it is full of others
// shares one allowance with all such.
const maxKeys = 4096

// Limiter limits how often something may be tried for each key: burst times at
// once, and then once in every so long.
type Limiter struct {
	every time.Duration
	burst int
	mu    sync.Mutex
	keys  map[string]*rate.Limiter
	rest  *rate.Limiter
	swept time.Time
}

// NewLimiter returns a Limiter.
func NewLimiter(every time.Duration, burst int) *Limiter {
	return &Limiter{every: every, burst: burst, keys: map[string]*rate.Limiter{}, rest: rate.NewLimiter(rate.Every(every), burst)}
}

// Allow takes one try of a key, and reports whether it was left. If not, wait
// is how long until there is one again.
func (l *Limiter) Allow(key string, now time.Time) (ok bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, known := l.keys[key]
	if !known {
		if len(l.keys) >= maxKeys {
			l.forget(now)
		}
		if len(l.keys) >= maxKeys {
			k = l.rest
		} else {
			k = rate.NewLimiter(rate.Every(l.every), l.burst)
			l.keys[key] = k
		}
	}
	if k.AllowN(now, 1) {
		return true, 0
	}
	return false, l.every
}

// forget drops the keys that have all their tries again; not at each call, for a
// flood of addresses should not cost a sweep each.
func (l *Limiter) forget(now time.Time) {
	if now.Sub(l.swept) < l.every {
		return
	}
	l.swept = now
	for key, k := range l.keys {
		if k.TokensAt(now) >= float64(l.burst) {
			delete(l.keys, key)
		}
	}
}

// AddressKey returns the key of a remote address: an IPv6 host has as many
// addresses as it likes, so its /64 counts.
func AddressKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
