// Package subject holds the rules of NATS subjects: which are valid, how they
// split into tokens, which patterns match which subjects, and whether one
// pattern lies within another; and how transforms and mappings give subjects
// another name.
//
// A subject is a row of tokens separated by dots. A pattern is a subject in
// which a token that is exactly "*" stands for any one token, and a last token
// that is exactly ">" stands for one or more tokens. Inside a longer token both
// characters are ordinary ("foo*bar", ">foo"), and so is every other byte but
// the dot; blanks cannot occur because the wire splits at them.
//
// Which check belongs where (protocol.md §1.7, §1.8, §1.10):
//
//	SUB foo.*         ValidPattern; else -ERR 'Invalid Subject'
//	PUB foo.bar       WellFormed; a subject that fails is accepted but matches nothing
//	PUB, pedantic     ValidLiteral; else -ERR 'Invalid Publish Subject'
//	permissions       Match for a publish, Subset for a subscription,
//	                  Overlap for a deny entry narrower than the subscription
//
// A published subject is literal: the token "*" in it is one more token, equal
// to itself and covered by a pattern's wildcards, but a wildcard of its own it
// is not.
//
// A [Transform] makes one subject of another, as imports and streams do.
// [Mappings] are the rules of an account, by which a published subject becomes
// another before permissions and interest see it (protocol.md §1.12). Both are
// compiled once, immutable, and append to the caller's slice.
//
// The package is pure and stateless. It knows nothing of connections, accounts
// or the subscription index. The functions do not allocate or keep their
// arguments, and each takes strings and byte slices alike:
//
//	subject.Match("foo.*", []byte("foo.bar")) // true
//	subject.Subset("foo.>", "foo.*")          // false: foo.a.b lies outside
package subject
