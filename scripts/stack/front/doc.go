// Package front tests what a school's front end gets: the whole way from a
// webhook to a page, everything real, with the unmodified supabase-js.
//
//	lesson ──▶ sidecar ──▶ PostgREST ──▶ rows ──▶ publication ──▶ realtime ──▶ follow.mjs   (Node)
//	                                                                     └───▶ browser.mjs  (Chromium, the class monitor)
//	           └─────▶ the operators' board ──────────────────────────────▶ browser.mjs  (and axe-core)
//
// Its tests hold that what is seen is right, complete, in order and seen by
// those entitled alone, and that a lesson changes few rows. Its benchmark says
// how fresh a page is.
package front
