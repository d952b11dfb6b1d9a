// Package hooktest makes hooks of functions, for tests of those who ask hooks. It is
// imported by tests only.
//
//	deny := func(c *hooks.Call) { c.Out = hooks.Result{Verdict: hooks.Deny, Reason: "closed"} }
//	s, err := server.New(o, server.WithHooks(hooktest.Spec("door", hooktest.At(hooks.AtConnect, deny))))
//
// The tests of package hooks itself have an engine of their own: they stand inside
// that package, which this one imports.
package hooktest
