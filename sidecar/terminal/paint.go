package terminal

// Paint puts colours on, or does not.
type Paint bool

// What Paint can do.
func (on Paint) Bold(text string) string   { return on.in("1", text) }
func (on Paint) Faint(text string) string  { return on.in("2", text) }
func (on Paint) Red(text string) string    { return on.in("31", text) }
func (on Paint) Green(text string) string  { return on.in("32", text) }
func (on Paint) Yellow(text string) string { return on.in("33", text) }

func (on Paint) in(code, text string) string {
	if !on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
