package images

import (
	"regexp"
	"testing"
)

func TestKeyOf(t *testing.T) {
	key := keyOf("base", []string{"a", "b"}, "script")
	if again := keyOf("base", []string{"a", "b"}, "script"); again != key {
		t.Errorf("the same inputs have the keys %s and %s", key, again)
	}
	for name, other := range map[string]string{
		"another name":      keyOf("role", []string{"a", "b"}, "script"),
		"another package":   keyOf("base", []string{"a", "c"}, "script"),
		"shifted boundary":  keyOf("base", []string{"ab"}, "script"),
		"another script":    keyOf("base", []string{"a", "b"}, "script "),
		"bytes, not a list": keyOf("base", []byte("ab"), "script"),
	} {
		if other == key {
			t.Errorf("%s: the key did not change", name)
		}
	}
}

func TestKeysDependOnTheirInputs(t *testing.T) {
	s := &session{mirror: mirror{{URL: "u", Digest: "1"}}}
	before := s.baseKey()
	s.mirror[0].Digest = "2"
	if s.baseKey() == before {
		t.Error("a new state of the mirror does not change the base")
	}
}

func TestUUIDOf(t *testing.T) {
	key := keyOf("base")
	got := uuidOf(key, "uuid")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got) {
		t.Errorf("%s is no version 8 UUID", got)
	}
	if got != uuidOf(key, "uuid") || got == uuidOf(key, "hash seed") {
		t.Error("a UUID is not a function of key and purpose")
	}
}
