package images

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// archive is one suite of a Debian mirror.
type archive struct{ url, suite string }

// keyring holds the keys that sign Debian's archives; apt checks with it.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

var archives = []archive{
	{"http://deb.debian.org/debian", "trixie"},
	{"http://deb.debian.org/debian", "trixie-updates"},
	{"http://deb.debian.org/debian-security", "trixie-security"},
}

// source is the archive's line for sources.list.
func (a archive) source() string {
	return fmt.Sprintf("deb [signed-by=%s] %s %s main", keyring, a.url, a.suite)
}

// release is the state of an archive: the digest and date of its InRelease
// file. It only tells whether something changed; apt checks the signatures.
type release struct {
	URL    string    `json:"url"`
	Digest string    `json:"digest"`
	Date   time.Time `json:"date"`
}

// mirror is the state of all archives.
type mirror []release

// epoch is when the newest archive was last published: the time stamp of
// everything that a build writes (SOURCE_DATE_EPOCH).
func (m mirror) epoch() int64 {
	var t int64
	for _, r := range m {
		t = max(t, r.Date.Unix())
	}
	return t
}

func (m mirror) digests() []string {
	var out []string
	for _, r := range m {
		out = append(out, r.URL, r.Digest)
	}
	return out
}

// askMirror asks for the state of the archives. Offline it falls back on what
// was remembered in file by the last build, and says so with online false.
func askMirror(ctx context.Context, file string) (m mirror, online bool, err error) {
	m, err = fetchReleases(ctx, archives)
	if err == nil {
		data, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return nil, true, err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, true, err
		}
		return m, true, writeFile(file, append(data, '\n'))
	}
	data, rerr := os.ReadFile(file)
	if rerr != nil {
		return nil, false, fmt.Errorf("ask Debian's mirror for its state: %w (nothing was built before, so the network is needed: check that %s can be reached, or set http_proxy)", err, archives[0].url)
	}
	if jerr := json.Unmarshal(data, &m); jerr != nil {
		return nil, false, errors.Join(err, fmt.Errorf("%s: %w", file, jerr))
	}
	return m, false, nil
}

func fetchReleases(ctx context.Context, from []archive) (mirror, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	m := make(mirror, len(from))
	g, ctx := errgroup.WithContext(ctx)
	for i, a := range from {
		g.Go(func() (err error) {
			m[i], err = fetchRelease(ctx, a.url+"/dists/"+a.suite+"/InRelease")
			return err
		})
	}
	return m, g.Wait()
}

func fetchRelease(ctx context.Context, url string) (release, error) {
	r := release{URL: url}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return r, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return r, fmt.Errorf("%s: %s", url, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return r, err
	}
	sum := sha256.Sum256(body)
	r.Digest = hex.EncodeToString(sum[:])
	r.Date, err = releaseDate(body)
	if err != nil {
		return r, fmt.Errorf("%s: %w", url, err)
	}
	return r, nil
}

// releaseDate reads the Date field of a Release file.
func releaseDate(doc []byte) (time.Time, error) {
	for sc := bufio.NewScanner(bytes.NewReader(doc)); sc.Scan(); {
		if v, ok := strings.CutPrefix(sc.Text(), "Date: "); ok {
			return time.Parse(time.RFC1123, v)
		}
	}
	return time.Time{}, errors.New("no Date field: is this a Debian mirror, or a proxy's error page?")
}
