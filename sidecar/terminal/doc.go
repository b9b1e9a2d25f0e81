// Package terminal is how the commands speak to the person who called them:
// colours, progress, text of strangers, and what is printed for programs. No event
// passes through it.
//
// It promises that a terminal obeys us alone: what somebody else wrote, a name or
// the reason of a refusal, is shown and never obeyed ([Harmless]). And that what
// is piped somewhere is plain: colours and bars are for terminals, and colours not
// where NO_COLOR is set (https://no-color.org).
package terminal
