package watch

// The names of what is watched for. They are stable: metrics, alerts and pages show
// them.
const (
	noChallenge   = "no_challenge"
	zoomSilent    = "zoom_silent"
	lessonSilent  = "lesson_silent"
	notSettling   = "not_settling"
	meetingHeldUp = "meeting_held_up"
	clockSkew     = "clock_skew"
	oldSecret     = "old_secret"
)

var names = []string{noChallenge, zoomSilent, lessonSilent, notSettling, meetingHeldUp, clockSkew, oldSecret}

// finding is something that is wrong.
type finding struct {
	key     string // what it is about: the name, and which lesson or meeting
	name    string // which of names
	meeting string // Zoom's number, if it is about one meeting
	says    string // what is wrong
	remedy  string // what to do
}

// verdict is what one look says of one thing.
type verdict int

const (
	cannotTell verdict = iota // a mark stays as it was
	right
	wrong
)

// findings are what a look found. Of what is in neither list it cannot tell.
type findings struct {
	wrong []finding
	right []string // keys
}

// add takes the verdict on one thing.
func (f *findings) add(v verdict, about finding) {
	switch v {
	case wrong:
		f.wrong = append(f.wrong, about)
	case right:
		f.right = append(f.right, about.key)
	}
}
