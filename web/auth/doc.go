// Package auth holds what sign-in is made of: passwords (argon2id, RFC 9106, by
// the rules of NIST SP 800-63B-4 §3.1.1), random secrets that are kept as
// hashes, and limits on how often something may be tried. It knows neither HTTP
// nor the database.
package auth
