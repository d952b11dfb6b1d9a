// Package hookpage makes the tables of docs/bench/hooks.md: what benchmarks of
// hooks in CPU time and runs of moonbench with hooks have measured, beside what
// hooks may cost.
//
// Benchmarks run many times in turns. Of each, the cheapest run counts, and the
// middle one tells how far off the others were. They are held against targets
// for one machine; how fast this one is says a yardstick that ran in the same
// turns, the call of an empty function in the bare Lua interpreter.
package hookpage
