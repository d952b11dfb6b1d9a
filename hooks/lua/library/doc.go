// Package library is what hook scripts can call beyond the language: json, jwt,
// re, http, kv and so on, each a [Module] that a script gets by require.
//
// A module is a table of declarations: each [Function] says its name, its
// parameters and what it does next to the Go code that does it. The engine makes
// the Lua tables of it, the reference and the stub for editors are made of the
// same declarations, and so none of them can drift.
//
// What modules share among all scripts of a broker, such as the entries of kv,
// lies in a [Shared], which the broker makes once and which survives reloads. It
// is bounded.
//
// A function learns of the call that it is part of from the [Caller] that the
// engine puts into the VM: for how long it may take, and whether it may wait.
// When its result depends on anything but its arguments, it says so by
// [Caller.Outside], which keeps the decision out of the cache.
//
// Scripts are hostile. A function charges what it allocates for the script by
// Args.Charge, and loops whose length the script can choose by Args.Step. It
// gives a script an error of its own only for wrong use ("bad argument"); what may
// go wrong with good arguments comes as two results, nil and a text.
package library
