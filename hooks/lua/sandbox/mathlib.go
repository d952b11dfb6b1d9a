package sandbox

import (
	"math"
	"math/rand/v2"

	lua "github.com/yuin/gopher-lua"
)

func mathLibrary() *lua.LTable {
	t := library(mathFuncs)
	for name, f := range unary {
		t.RawSetString(name, function(func(L *lua.LState) int {
			L.Push(boxed(f(float64(L.CheckNumber(1)))))
			return 1
		}))
	}
	for name, f := range binary {
		t.RawSetString(name, function(func(L *lua.LState) int {
			L.Push(boxed(f(float64(L.CheckNumber(1)), float64(L.CheckNumber(2)))))
			return 1
		}))
	}
	t.RawSetString("pi", lua.LNumber(math.Pi))
	t.RawSetString("huge", lua.LNumber(math.MaxFloat64))
	return t
}

var unary = map[string]func(float64) float64{
	"abs": math.Abs, "acos": math.Acos, "asin": math.Asin, "atan": math.Atan, "ceil": math.Ceil, "cos": math.Cos,
	"cosh": math.Cosh, "exp": math.Exp, "floor": math.Floor, "log": math.Log, "log10": math.Log10, "sin": math.Sin,
	"sinh": math.Sinh, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
	"deg": func(f float64) float64 { return f * 180 / math.Pi },
	"rad": func(f float64) float64 { return f * math.Pi / 180 },
}

var binary = map[string]func(a, b float64) float64{
	"atan2": math.Atan2, "fmod": math.Mod, "pow": math.Pow,
	"mod": func(a, b float64) float64 {
		v := math.Mod(a, b)
		if b > 0 && v < 0 || b < 0 && v > 0 {
			v += b
		}
		return v
	},
	"ldexp": func(a, b float64) float64 { return math.Ldexp(a, int(whole(b))) },
}

var mathFuncs = map[string]lua.LGFunction{
	"frexp": func(L *lua.LState) int {
		f, e := math.Frexp(float64(L.CheckNumber(1)))
		L.Push(boxed(f))
		L.Push(boxed(float64(e)))
		return 2
	},
	"modf": func(L *lua.LState) int {
		i, f := math.Modf(float64(L.CheckNumber(1)))
		L.Push(boxed(i))
		L.Push(boxed(f))
		return 2
	},
	"max":        func(L *lua.LState) int { return extreme(L, func(a, b lua.LNumber) bool { return a > b }) },
	"min":        func(L *lua.LState) int { return extreme(L, func(a, b lua.LNumber) bool { return a < b }) },
	"random":     mathRandom,
	"randomseed": mathRandomSeed,
}

func extreme(L *lua.LState, better func(a, b lua.LNumber) bool) int {
	best := L.CheckNumber(1)
	top := L.GetTop()
	meterOf(L).step(L, top/8)
	for i := 2; i <= top; i++ {
		if v := L.CheckNumber(i); better(v, best) {
			best = v
		}
	}
	L.Push(boxed(float64(best)))
	return 1
}

func mathRandom(L *lua.LState) int {
	float, below := rand.Float64, rand.Int64N
	vm := meterOf(L).vm
	vm.chance = true
	if r := vm.random; r != nil {
		float, below = r.Float64, r.Int64N
	}
	low, high := int64(1), int64(0)
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(float()))
		return 1
	case 1:
		high = integer(L, 1, 0)
	default:
		low, high = integer(L, 1, 0), integer(L, 2, 0)
	}
	if low > high {
		L.ArgError(L.GetTop(), "interval is empty")
	}
	L.Push(boxed(float64(low + below(high-low+1))))
	return 1
}

// mathRandomSeed seeds the numbers of this VM only.
func mathRandomSeed(L *lua.LState) int {
	meterOf(L).charge(L, 64)
	meterOf(L).vm.random = rand.New(rand.NewPCG(uint64(integer(L, 1, 0)), 0))
	return 0
}
