// Package visitor is what the public rooms know of whoever comes, and do alike
// for everyone: it knows a visitor by a hash, and says when one comes too often.
//
// A visitor is an IP address, or the /64 network of an IPv6 address, or a token;
// [Hash] makes a salted hash of it, and nothing else of the visitor stays in
// memory or reaches the log. A [Limiter] gives each of them a bucket, for a bounded
// number of visitors; [Refusals] has the log say once a minute what each is refused.
// [Router] decides whose word to take for an address,
// [SetHeaders] what every answer carries, and [Recovered] turns a panic into an
// error that holds nothing of the request.
//
// It is the one package in which rooms share gin; what is answered, and why, is
// each room's own.
package web
