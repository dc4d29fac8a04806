package rackfile

import "github.com/goccy/go-yaml/token"

// What a file may hold. The YAML library's parser takes time by the square of
// nesting and of the keys of one mapping (40 s for 64 KB of "["), its lexer
// does not; so tokens are counted before they are parsed. A rack needs far
// less: five levels, nine keys, and 240 KB for a thousand nodes.
const (
	maxBytes = 1 << 20
	maxDepth = 16
	maxKeys  = 64
	maxFlow  = 1024 // entries in one [...] or {...} with all inside it
	maxItems = 5000 // nodes
	maxDocs  = 4    // to tell that there is a second one
	maxTold  = 100  // mistakes; who has more starts anew
)

// limits returns what a file has too much of, and on which line; "" is well.
func limits(tokens token.Tokens) (what string, line int) {
	var depth, entries, dashes, docs, last int
	keys := map[int]int{} // column → keys in the mapping that stands there
	for _, t := range tokens {
		if t.Position.Line != last {
			last, dashes = t.Position.Line, 0
			for column := range keys {
				if column > t.Position.Column {
					delete(keys, column)
				}
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			if depth--; depth <= 0 {
				depth, entries = 0, 0
			}
		case token.DocumentHeaderType:
			docs++
		case token.CollectEntryType:
			entries++
		case token.SequenceEntryType, token.MappingKeyType:
			dashes++
		case token.MappingValueType:
			if t.Prev != nil && depth == 0 {
				keys[t.Prev.Position.Column]++
				if keys[t.Prev.Position.Column] > maxKeys {
					return "more keys in one mapping than a rack has", last
				}
			}
		}
		switch {
		case depth > maxDepth || dashes > maxDepth || len(keys) > maxDepth:
			return "more levels than a rack has", last
		case docs > maxDocs:
			return "more documents than one rack needs", last
		case entries > maxFlow:
			return "more entries in one list than a rack has", last
		}
	}
	return "", 0
}
