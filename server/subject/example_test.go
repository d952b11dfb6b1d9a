package subject_test

import (
	"fmt"

	"moonwire/server/subject"
)

func ExampleMatch() {
	fmt.Println(subject.Match("foo.*", []byte("foo.bar")))
	fmt.Println(subject.Match("foo.*", "foo.bar.baz"))
	// Output:
	// true
	// false
}

func ExampleSubset() {
	fmt.Println(subject.Subset("foo.*", "foo.>"))
	fmt.Println(subject.Subset("foo.>", "foo.*"))
	// Output:
	// true
	// false
}

func ExampleNext() {
	s, token := "orders.*.>", ""
	for more := true; more; {
		token, s, more = subject.Next(s)
		fmt.Println(token)
	}
	// Output:
	// orders
	// *
	// >
}

func ExampleTransform() {
	t, err := subject.NewTransform("orders.*.*", "orders.{{partition(4,2)}}.$1.$2")
	if err != nil {
		fmt.Println(err)
		return
	}
	out, ok := t.Append(nil, []byte("orders.eu.customer4711"))
	fmt.Println(string(out), ok)

	_, err = subject.NewTransform("orders.*", "orders.{{left(2,3)}}")
	fmt.Println(err)
	// Output:
	// orders.2.eu.customer4711 true
	// transform of "orders.*" to "orders.{{left(2,3)}}": {{left(2,3)}}: argument 1 of left is "2": allowed is a number from 0 to 1
}

func ExampleTransform_Pattern() {
	// An import of sensors.<place>.<kind> as <kind>.in.<place>.
	t, err := subject.NewStrictTransform("sensors.*.*", "$2.in.$1")
	if err != nil {
		fmt.Println(err)
		return
	}
	local, err := t.Reverse()
	if err != nil {
		fmt.Println(err)
		return
	}
	// Whoever subscribes to heat.> here wants this there.
	fmt.Println(local.Pattern("heat.>"))
	// Output:
	// sensors.*.heat true
}

func ExampleMappings() {
	m, err := subject.NewMappings([]subject.MapRule{{
		Source:       "orders.*",
		Destinations: []subject.MapDestination{{Subject: "canary.$1", Weight: 10}},
	}}, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, chance := range []uint32{9, 10} {
		out, mapped := m.Append(nil, []byte("orders.eu"), func(n uint32) uint32 { return chance })
		fmt.Printf("%q %v\n", out, mapped)
	}
	// Output:
	// "canary.eu" true
	// "" false
}
