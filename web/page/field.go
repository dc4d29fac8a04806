package page

// Field is a field of a form, with what stands in it and what is wrong with that.
type Field struct {
	Name    string
	Label   Text
	Type    FieldType
	Value   string   // what was typed, else what is proposed; never a password
	Options []Option // of a FieldChoice
	Hint    Text
	Error   string // what is wrong, and what was expected
	Need    bool
	Mono    bool // it takes what a machine says: an address, a serial number
}

// FieldType is how a field is filled in.
type FieldType string

// Types of fields.
const (
	FieldText     FieldType = "text"
	FieldNumber   FieldType = "number"
	FieldPassword FieldType = "password"
	FieldChoice   FieldType = "choice"
	FieldLines    FieldType = "lines"
	FieldTick     FieldType = "tick" // its Value is "yes" where it is ticked
)

// Option is one of a FieldChoice.
type Option struct {
	Value string
	Label Text
	Off   bool // it is shown and cannot be chosen
}

// Group are the fields of one matter.
type Group struct {
	Title  Text
	Hint   Text
	Fields []Field
}

// fill puts in what was typed and what is wrong with it. The rest keeps what is
// proposed; a tick that is not among what was typed was taken away.
func fill(groups []Group, typed map[string]string, errors map[string]string) {
	for i := range groups {
		for j := range groups[i].Fields {
			f := &groups[i].Fields[j]
			f.Error = errors[f.Name]
			if typed != nil && f.Type != FieldPassword {
				f.Value = typed[f.Name]
			}
		}
	}
}
