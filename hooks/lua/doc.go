// Package lua runs hook scripts: files in Lua whose functions decide who may
// connect, what may be published and subscribed to, and what becomes of messages.
//
// Open loads a script, which is then an engine of hooks:
//
//	hook.publish("t.*.cmd.>", function(req)
//	  if req.client.tags.role ~= "operator" then return deny("operators only") end
//	end, { cache = { by = { "tags.role" }, ttl = 30 } })
//
// The parts, from the outside to the inside:
//
//	options.go, source.go   what a script is opened with, and is made of
//	script.go               Open, Script: registrations, version, pools
//	ask.go                  a batch of calls, an event; budgets; kinds of failures
//	machine.go              what a virtual machine has: its globals, its call
//	globals.go              the declarations of all globals, for reference and stub
//	register.go             hook.connect and its like
//	answer.go, identity.go  allow, deny, drop, and what answers mean
//	attribute.go, request.go, client.go, headers.go
//	                        the objects that functions get
//	kin.go                  which calls are alike, so that less is made anew
//	edit.go                 what an inspection changes of a message
//	logging.go, usage.go    log, and how much may be logged; what calls took
//
// A script has two pools of virtual machines. Those for messages and
// subscriptions never wait for others. Those for connect and event may, and no
// message waits with them. A batch has one machine to itself, each of its calls a
// budget of its own; a machine that a call has ruined is replaced in the middle
// of a batch. A machine belongs to one goroutine at a time, and the Script to
// everybody; no lock is held while a script runs.
//
// # Security
//
// The author of a script is trusted with its decisions, and with nothing else:
// package sandbox says what a script cannot do, however it is written. Those who
// send messages are not trusted at all, and choose what a script works on.
//
//   - It fails closed. What a function cannot return, a misspelt field or option,
//     a budget that ran out, a list with a hole: each is an error, and on_error
//     decides. Only nil has no opinion, and only the value of allow allows. An
//     empty list of subjects in allow allows nothing.
//   - Secrets of a client are fields of the request at connect, and nowhere else.
//     The engine logs none of them; a script can.
//   - What a client sent cannot write lines into the log: control characters in
//     messages and reasons become blanks. Nor can it write headers: values with
//     line breaks are refused.
//   - Modules come from one folder. Names cannot lead out of it, nor can links.
//     What was not read when the script was opened is not read later, so the sum
//     that is shown is that of what runs.
//   - What a script says in the log, and its errors, are bounded in number and
//     size. Errors have one line; the traceback is for the log ([Traceback]).
//     Clients see neither.
//
// # Decisions that are kept
//
// A function with a cache is not asked again as long as what its answers are kept
// by is the same. So each field that it reads is noted, of the client and its
// tags and the headers too, and so is all that depends on more than the call:
// what libraries say by Caller.Outside, random numbers, texts of tables. An
// answer for which it looked at more than cache.by names is not kept.
//
// One way around that is open: variables outside of the function. A machine keeps
// them from call to call, so a function can keep there what it read in one call
// and use it in another, where nobody notes it; the same is true of what the top
// level has read, such as the time. That is always a mistake: machines are many
// and come and go, so that no call can rely on what another has left. With a
// cache it is a mistake that is kept. State belongs into kv or ratelimit, which
// all machines share, which survive a reload, and whose use is noted. What the
// top level makes of config and constants is no state: it is the same in all
// machines.
//
// Objects show the call that is going on, and nothing between calls. They are made
// once for each machine and point, with a cache and without: what a script has kept
// of an earlier call is the same object, which shows the present call where it
// stands for that, and is an error to read where it does not. It never shows the
// call that it was given to. Tables are copies, also the one that stands for the
// client where there is no cache: they say for good what they said at first.
package lua
