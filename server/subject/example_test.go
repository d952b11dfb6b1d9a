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
