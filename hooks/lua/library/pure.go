package library

import "time"

// pureModules returns the libraries that compute: what they give depends on
// their arguments, but for the time, which they take from now, and chance.
func pureModules(now func() time.Time) []*Module {
	return []*Module{cryptoModule(), jsonModule(), jwtModule(now), nkeyModule(), reModule(), subjectModule()}
}
