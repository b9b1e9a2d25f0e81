// Package endtoend holds the tests of the whole: the real program, a real database, a
// real PostgREST, and in between whatever may go wrong.
package endtoend
