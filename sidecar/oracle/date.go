package oracle

import (
	"regexp"
	"strconv"
	"time"
)

// dateOf is the date of an instant in a zone.
func dateOf(at time.Time, zone string) string { return at.In(location(zone)).Format(time.DateOnly) }

// DateOf is the date of an instant in the zone of a meeting's lessons.
func DateOf(row Meeting, at time.Time, policy Policy) string { return dateOf(at, zoneOf(policy, row)) }

// zoneOf is the zone that a lesson's date is told in.
func zoneOf(policy Policy, row Meeting) string {
	if policy.Timezone == "meeting" {
		return row.Timezone
	}
	return policy.Timezone
}

var offset = regexp.MustCompile(`^(?:GMT|UTC)([+-])(\d{1,2})(?::?(\d{2}))?$`)

// windowsZones are names that Windows gives zones, and the zones.
var windowsZones = map[string]string{
	"Singapore Standard Time": "Asia/Singapore",
}

// location is the zone of a name, UTC where nobody knows it. An offset means what
// people mean by it: GMT+8 is eight hours ahead.
func location(name string) *time.Location {
	if parts := offset.FindStringSubmatch(name); parts != nil {
		hours, _ := strconv.Atoi(parts[2])
		minutes, _ := strconv.Atoi(parts[3])
		seconds := hours*3600 + minutes*60
		if parts[1] == "-" {
			seconds = -seconds
		}
		return time.FixedZone(name, seconds)
	}
	if zone, ok := windowsZones[name]; ok {
		name = zone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC
	}
	return zone
}
