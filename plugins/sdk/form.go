package sdk

import (
	"fmt"
	"reflect"
)

// forms are the methods of a plugin, each with the interface that it makes.
var forms = [...]struct {
	name string
	is   reflect.Type
}{
	{"Connect", reflect.TypeFor[Connecter]()},
	{"Rewrite", reflect.TypeFor[Rewriter]()},
	{"Publish", reflect.TypeFor[Publisher]()},
	{"Subscribe", reflect.TypeFor[Subscriber]()},
	{"Inspect", reflect.TypeFor[Inspector]()},
	{"Event", reflect.TypeFor[Notified]()},
	{"Configure", reflect.TypeFor[Configurer]()},
	{"State", reflect.TypeFor[Stateful]()},
	{"Version", reflect.TypeFor[Versioned]()},
}

// misshapen returns an error for a method that has the name of one of a plugin and
// would never be called. Nobody else says so: to the compiler the plugin is one without
// that method, and what it should deny would be allowed.
func misshapen(plugin any) error {
	t := reflect.TypeOf(plugin)
	if t == nil {
		return nil
	}
	pointer := t
	if t.Kind() != reflect.Pointer {
		pointer = reflect.PointerTo(t)
	}
	for _, f := range forms {
		if t.Implements(f.is) {
			continue
		}
		if pointer.Implements(f.is) {
			return fmt.Errorf("%v has the method %s as a pointer only: give the SDK a pointer, &%s{}", t, f.name, t.Name())
		}
		if m := reflect.Zero(pointer).MethodByName(f.name); m.IsValid() {
			return fmt.Errorf("the method %s of %v is %v: want %v, or another name", f.name, t, m.Type(), f.is.Method(0).Type)
		}
	}
	return nil
}
