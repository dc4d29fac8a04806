# Flattens JSON (RFC 8259): a line of path, tab and value for each string,
# number and literal, as in ".networks.0.type<TAB>ipv4".
{ s = s $0 "\n" }
END { value(""); exit bad }
function space() { sub(/^[ \t\r\n]+/, "", s) }
function fail() { bad = 1; exit 1 }
function string(  out, c) {
	s = substr(s, 2)
	while (1) {
		if (match(s, /^[^"\\]+/)) { out = out substr(s, 1, RLENGTH); s = substr(s, RLENGTH + 1) }
		c = substr(s, 1, 1)
		if (c == "") fail()
		if (c == "\"") { s = substr(s, 2); return out }
		c = substr(s, 2, 1)
		s = substr(s, 3)
		if (c == "n" || c == "t" || c == "r") out = out " "
		else if (c == "u") { out = out "?"; s = substr(s, 5) }
		else out = out c
	}
}
function put(path, v) { gsub(/[\t\n]/, " ", v); sub(/ +$/, "", v); printf "%s\t%s\n", path, v }
function value(path,  c, k, n) {
	space()
	c = substr(s, 1, 1)
	if (c == "{" || c == "[") {
		s = substr(s, 2)
		n = 0
		while (1) {
			space()
			if (substr(s, 1, 1) == "}" || substr(s, 1, 1) == "]") { s = substr(s, 2); return }
			if (s == "") fail()
			if (substr(s, 1, 1) == ",") { s = substr(s, 2); space() }
			if (c == "{") { k = string(); space(); s = substr(s, 2) } else k = n++
			value(path "." k)
		}
	}
	if (c == "\"") { put(path, string()); return }
	if (!match(s, /^[^],} \t\r\n]+/)) fail()
	put(path, substr(s, 1, RLENGTH))
	s = substr(s, RLENGTH + 1)
}
