package library

// Modules returns the modules that scripts get by require, in order of their
// names.
func Modules(s *Shared) []*Module {
	return []*Module{
		s.clients.module(),
		s.http.module(),
		s.kv.module(),
		s.rateLimit.module(),
		timeModule(s.clock),
	}
}
