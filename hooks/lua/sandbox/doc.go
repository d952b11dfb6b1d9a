// Package sandbox is the virtual machine that hook scripts run in: Lua 5.1
// without a way out, in which each call has a budget of instructions, memory
// and time that nothing in a script can outlive.
//
// [Compile] makes a [Program] of a source, [NewVM] a virtual machine that has
// loaded it, [VM.Call] calls one of its functions, and a [Pool] keeps machines
// that are ready. What scripts can reach beyond the language comes from the
// host: functions ([Func]), objects whose fields are made when they are read
// ([Object]), tables of connections ([VM.Client]).
//
// # Security model
//
// The script and its input are hostile; the host's functions are not. A script
// reads and writes nothing but its own VM: there are no files, environment,
// clock, network, standard output, coroutines, garbage collector, byte code,
// source at run time or environments of functions. Globals and libraries are
// read-only once the script is loaded.
//
//   - Instructions are counted by the context that the interpreter asks before
//     each of them; library functions charge for loops whose length a script can
//     choose. What ran out stays so, and no pcall catches it for longer than one
//     instruction.
//   - Memory is charged before it is allocated, in use or not. The syntax tree is
//     rewritten so that .., table constructors, closures and assignments to an
//     index pass through functions that charge.
//   - Sources are bounded before anything that recurses sees them.
//   - Patterns have a matcher of their own, which pays for each step.
//   - After a budget ran out, or the interpreter panicked, the VM is [VM.Broken]
//     and is thrown away. So is one that has been charged enough in its life: what
//     a script hoards over many calls is bounded.
//
// # What it does not hold back
//
//   - The clock is looked at every few instructions, and a single instruction
//     or library call can take milliseconds when strings of megabytes are about.
//     A call of 50 ms may last 80.
//   - Charges are estimates: what a call allocates in truth may be some three
//     times its budget, garbage included. Numbers and errors of the interpreter
//     are not charged; instructions bound them.
//   - Locals that functions share last as long as their VM. A script must not
//     rely on them, and one VM's are not those of another.
//   - Random numbers and the order of sorting are not secrets from timing, and a
//     script can measure nothing but the host can: no defence against spying by
//     cache or timing is made.
//   - A fault of the Go runtime, such as running out of memory for other reasons,
//     ends the process as ever.
//
// # Differences from the interpreter's own libraries
//
// %f works in patterns, and sets as in the reference implementation; byte,
// lower and upper work on bytes; tonumber reads exponents; gsub refuses a
// replacement that is no text; format has the directives of Lua only; a table
// has at most 65,535 elements; there is no arg in functions with dots. The names
// of the standard library cannot be set. The handler of xpcall runs after the
// stack is unwound. There is no print: the host may give one.
package sandbox
