package main

// What the schools are told to look at: see zoom.risks.
var (
	twinLooks  []string
	grownLooks []string
)
