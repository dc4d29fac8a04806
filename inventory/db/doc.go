// Package db stores Sandai's nouns: gorm on SQLite, with the rules that must
// never be broken written as constraints of a STRICT schema, versioned
// migrations, and secrets sealed with an AEAD key (Tink, AES256-GCM) kept in a
// file beside the database.
//
// There is one writer at a time (BEGIN IMMEDIATE on a single connection) and
// a pool of readers (WAL), so a reader never waits for a writer. A read after
// a write has returned sees it. Every error is an *inventory.Error: NotFound,
// Conflict for a broken rule of uniqueness, Invalid for a broken rule of
// content, Unavailable when the context ended or the file stays locked,
// Internal for the rest.
package db
