package library

import (
	"fmt"
	"math"
	"strings"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// What kv and ratelimit take.
const (
	mostKey   = 1 << 10 // bytes of a key
	mostValue = 1 << 20 // bytes of a value; less where the store is small
	mostSpace = 64      // bytes of the name of a common space
)

// KVOptions bound what scripts keep in kv, all hooks together. A zero field means
// its default.
type KVOptions struct {
	Entries int   // 100,000
	Bytes   int64 // of keys, values and what holds them; 64 MiB
}

// KVStats is what is in kv, and what happened there.
type KVStats struct {
	Entries, Bytes int64
	Hits, Misses   uint64 // calls whose key had a value, and those whose had none
	Evicted        uint64 // entries that had to make room
	Expired        uint64 // entries whose time was over
}

// kv keeps values between calls.
type kv struct {
	store *store[sandbox.Value]
	most  int // bytes of a value
}

func newKV(o KVOptions, clock func() time.Time) *kv {
	if o.Entries <= 0 {
		o.Entries = 100_000
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	k := &kv{store: newStore(o.Entries, o.Bytes, clock, func(v sandbox.Value) int {
		s, _ := v.Text()
		return len(s)
	})}
	k.most = min(mostValue, int(k.store.mostBytes/4))
	return k
}

func (k *kv) stats() KVStats {
	c := k.store.stats()
	return KVStats{c.entries, c.bytes, c.hits, c.misses, c.evicted, c.expired}
}

func (k *kv) module() *Module {
	own := k.functions("")
	fields := make([]Param, len(own))
	for i, f := range own {
		fields[i] = Param{f.Name, f.signature(), f.Doc}
	}
	return &Module{
		Name: "kv",
		Doc: "Values that last longer than a call. " +
			"All virtual machines of a broker see the same, and a reload changes nothing. " +
			"What a hook keeps is its own; with kv.shared hooks have something in common. " +
			"Values are strings, numbers and booleans; json.encode makes a string of a table. " +
			"The store is bounded: when it is full, expired entries go first, and then those that were not used for longest, " +
			"of the hook that holds most. So an entry may be gone at any time. Nothing is kept when the broker ends. " +
			"A key has at most 1,024 bytes, a value at most 1 MiB. " +
			"Answers that depend on kv are not cached.",
		Functions: append(own, Function{
			Name:    "shared",
			Doc:     "Returns the functions of kv for a space that all hooks of the broker have in common. Make it once, at the top of a script.",
			Params:  []Param{{"name", "string", "Of the space: 1 to 64 bytes."}},
			Returns: []Param{{"space", "kv.Space", "The other functions of kv, for this space."}},
			Example: `local bans = kv.shared("bans")` + "\n" + `bans.set("mallory", true, { ttl = 600 })`,
			Do:      k.shared,
		}),
		Types: []Type{
			{
				Name:   "kv.Options",
				Doc:    "How an entry is kept.",
				Fields: []Param{{"ttl", "number?", "Seconds until it is gone; without it, it stays for as long as there is room."}},
			},
			{Name: "kv.Space", Doc: "A space that hooks have in common.", Fields: fields},
		},
	}
}

// functions returns those of one space; "" is that of the hook that calls.
func (k *kv) functions(space string) []Function {
	key := Param{"key", "string", "The key."}
	value := Param{"value", "string|number|boolean", "The value."}
	opts := Param{"opts", "kv.Options?", "How long it is kept."}
	why := Param{"err", "string?", "Why not, if there was no room for it."}
	bind := func(f func(a *sandbox.Args, o owner, key string) error) sandbox.Func {
		return func(a *sandbox.Args) error {
			key, err := keyArgument(a, 1)
			if err != nil {
				return err
			}
			caller := CallerOf(a)
			caller.Outside()
			if space == "" {
				return f(a, owner{hook: caller.Hook()}, key)
			}
			return f(a, owner{common: true}, space+"\x00"+key)
		}
	}
	return []Function{
		{
			Name: "get", Calls: true,
			Doc:     "Returns the value of a key.",
			Params:  []Param{key},
			Returns: []Param{{"value", "string|number|boolean|nil", "The value; nil if there is none."}},
			Example: `local role = kv.get("role:bob") or "guest"`,
			Do:      bind(k.get),
		},
		{
			Name: "set", Calls: true,
			Doc:     "Sets the value of a key. What was there is replaced, with its time.",
			Params:  []Param{key, value, opts},
			Returns: []Param{{"ok", "boolean?", "True; nil if there is no room."}, why},
			Example: `kv.set("role:bob", "admin", { ttl = 300 })`,
			Do:      bind(k.set),
		},
		{
			Name: "add", Calls: true,
			Doc:     "Sets the value of a key that has none. Of many that try at once, one succeeds.",
			Params:  []Param{key, value, opts},
			Returns: []Param{{"added", "boolean?", "Whether it had none; nil if there is no room."}, why},
			Example: `if not kv.add("seen:4711", true, { ttl = 60 }) then return deny("a second time") end`,
			Do:      bind(k.add),
		},
		{
			Name: "incr", Calls: true,
			Doc: "Adds to a number, in one step. A key without a value counts as 0, and only then does ttl count: " +
				"the number is gone that long after it was begun.",
			Params:  []Param{key, {"by", "number?", "What to add; 1 by default."}, opts},
			Returns: []Param{{"value", "number?", "The sum; nil if there is no room, or the value is no number."}, why},
			Example: `local n = kv.incr("logins:bob", 1, { ttl = 60 })` + "\n" + `if n > 5 then return deny("too many logins") end`,
			Do:      bind(k.incr),
		},
		{
			Name: "cas", Calls: true,
			Doc:     "Sets the value of a key if it is what the caller believes. The new one has a time of its own.",
			Params:  []Param{key, {"old", "string|number|boolean|nil", "What it must be; nil is no value."}, {"new", "string|number|boolean|nil", "What it becomes; nil deletes it."}, opts},
			Returns: []Param{{"done", "boolean?", "Whether it was; nil if there is no room."}, why},
			Example: `local state = kv.get("state")` + "\n" + `kv.cas("state", state, "next")`,
			Do:      bind(k.cas),
		},
		{
			Name: "del", Calls: true,
			Doc:     "Deletes a key.",
			Params:  []Param{key},
			Returns: []Param{{"deleted", "boolean", "Whether it had a value."}},
			Example: `kv.del("role:bob")`,
			Do:      bind(k.del),
		},
	}
}

func (k *kv) shared(a *sandbox.Args) error {
	name, err := text(a, 1)
	if err != nil {
		return err
	}
	if name == "" || len(name) > mostSpace || strings.Contains(name, "\x00") {
		return fmt.Errorf("bad argument #1 (the name of a space has 1 to %d bytes)", mostSpace)
	}
	m := Module{Name: "kv", Functions: k.functions(strings.Clone(name))}
	a.Charge(1024 * len(m.Functions))
	a.Return(m.Build(a.VM()))
	return nil
}

func (k *kv) get(a *sandbox.Args, o owner, key string) error {
	var v sandbox.Value
	_ = k.store.update(o, key, func(old item[sandbox.Value], _ bool, _ int64) (item[sandbox.Value], verb) {
		v = old.value
		return old, leave
	})
	if s, ok := v.Text(); ok {
		a.Charge(len(s)) // the script may hold it for longer than kv does
	}
	a.Return(v)
	return nil
}

func (k *kv) set(a *sandbox.Args, o owner, key string) error {
	v, ttl, err := k.valueAndTTL(a, 2, 3)
	if err != nil {
		return err
	}
	err = k.store.update(o, key, func(_ item[sandbox.Value], _ bool, now int64) (item[sandbox.Value], verb) {
		return lasting(v, ttl, now), put
	})
	return outcome(a, true, err)
}

func (k *kv) add(a *sandbox.Args, o owner, key string) error {
	v, ttl, err := k.valueAndTTL(a, 2, 3)
	if err != nil {
		return err
	}
	var had bool
	err = k.store.update(o, key, func(old item[sandbox.Value], found bool, now int64) (item[sandbox.Value], verb) {
		if had = found; had {
			return old, leave
		}
		return lasting(v, ttl, now), put
	})
	return outcome(a, !had, err)
}

func (k *kv) incr(a *sandbox.Args, o owner, key string) error {
	by := 1.0
	var err error
	if !a.At(2).IsNil() {
		if by, err = number(a, 2); err != nil {
			return err
		}
	}
	ttl, err := ttlOption(a, 3)
	if err != nil {
		return err
	}
	var sum float64
	var why string
	err = k.store.update(o, key, func(old item[sandbox.Value], found bool, now int64) (item[sandbox.Value], verb) {
		n, ok := old.value.Number()
		sum = n + by
		switch {
		case found && !ok:
			why = "the value is a " + old.value.Kind().String() + " and no number"
		case math.IsInf(sum, 0) || math.IsNaN(sum):
			why = "the sum is no number"
		case !found:
			return lasting(sandbox.Number(sum), ttl, now), put
		default:
			old.value = sandbox.Number(sum)
			return old, put
		}
		return old, leave
	})
	if err != nil {
		why = err.Error()
	}
	if why != "" {
		return fail(a, why)
	}
	a.Return(sandbox.Number(sum))
	return nil
}

func (k *kv) cas(a *sandbox.Args, o owner, key string) error {
	ttl, err := ttlOption(a, 4)
	if err != nil {
		return err
	}
	var was, next sandbox.Value
	if !a.At(2).IsNil() {
		if was, err = k.value(a, 2); err != nil {
			return err
		}
	}
	if !a.At(3).IsNil() {
		if next, err = k.value(a, 3); err != nil {
			return err
		}
	}
	var done bool
	err = k.store.update(o, key, func(old item[sandbox.Value], _ bool, now int64) (item[sandbox.Value], verb) {
		switch done = old.value == was; {
		case !done:
			return old, leave
		case next.IsNil():
			return old, remove
		}
		return lasting(next, ttl, now), put
	})
	return outcome(a, done, err)
}

func (k *kv) del(a *sandbox.Args, o owner, key string) error {
	var had bool
	_ = k.store.update(o, key, func(old item[sandbox.Value], found bool, _ int64) (item[sandbox.Value], verb) {
		had = found
		return old, remove
	})
	a.Return(sandbox.Bool(had))
	return nil
}

// outcome is the results of a function that had to find room.
func outcome(a *sandbox.Args, done bool, err error) error {
	if err != nil {
		return fail(a, err.Error())
	}
	a.Return(sandbox.Bool(done))
	return nil
}

func lasting(v sandbox.Value, ttl time.Duration, now int64) item[sandbox.Value] {
	if ttl == 0 {
		return item[sandbox.Value]{value: v}
	}
	return item[sandbox.Value]{value: v, expires: now + int64(ttl)}
}

func (k *kv) valueAndTTL(a *sandbox.Args, value, opts int) (v sandbox.Value, ttl time.Duration, err error) {
	if ttl, err = ttlOption(a, opts); err == nil {
		v, err = k.value(a, value)
	}
	return v, ttl, err
}

// value returns an argument that can be kept. A string is copied: it may be a
// piece of a longer one, which would be kept with it.
func (k *kv) value(a *sandbox.Args, i int) (sandbox.Value, error) {
	v := a.At(i)
	switch v.Kind() {
	case sandbox.KindNumber, sandbox.KindBool:
		return v, nil
	case sandbox.KindString:
		s, _ := v.Text()
		if len(s) > k.most {
			return v, fmt.Errorf("bad argument #%d (a value has at most %d bytes, this one has %d)", i, k.most, len(s))
		}
		a.Step(len(s) / 32)
		return sandbox.String(strings.Clone(s)), nil
	}
	return v, wrong(a, i, "string, number or boolean")
}

// keyArgument returns an argument that is a key of the hook's.
func keyArgument(a *sandbox.Args, i int) (string, error) {
	key, err := text(a, i)
	if err == nil && len(key) > mostKey {
		err = fmt.Errorf("bad argument #%d (a key has at most %d bytes, this one has %d)", i, mostKey, len(key))
	}
	a.Step(len(key) / 16) // it is copied, and not for the script
	return key, err
}

// ttlOption returns what opts = { ttl = seconds } says, 0 for nothing.
func ttlOption(a *sandbox.Args, i int) (time.Duration, error) {
	opts, ok, err := options(a, i, "ttl")
	if !ok || err != nil {
		return 0, err
	}
	v := opts.Get("ttl")
	if v.IsNil() {
		return 0, nil
	}
	ttl, err := seconds(v)
	if err != nil {
		return 0, fmt.Errorf("bad argument #%d (ttl %w)", i, err)
	}
	return ttl, nil
}
