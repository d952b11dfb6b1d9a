// Package sdk is what a plugin in Go imports: a program that decides for the
// broker who may connect, publish and subscribe, where a message goes, and what
// it may contain.
//
// A plugin is a value with one method for each point that it wants to be asked
// at: [Connecter], [Rewriter], [Publisher], [Subscriber], [Inspector], [Notified].
// [Main] does the rest: the handshake with the broker, batches, health, shutdown.
//
//	type policy struct{}
//
//	func (policy) Publish(_ context.Context, m *sdk.Message) sdk.Decision {
//		if m.Client.User != "alice" {
//			return sdk.Deny("only alice gives orders")
//		}
//		return sdk.Allow()
//	}
//
//	func main() {
//		sdk.Main(policy{}, sdk.Registration{Point: sdk.AtPublish, Subjects: []string{"orders.>"}})
//	}
//
// Without registrations each method is asked about everything. One that has the name
// of a point and another form, and would never be called, keeps the plugin from
// starting. Methods are called by many goroutines at a time. Those that answer at once
// are called one after another, which is fastest; one that takes longer than half a
// millisecond holds up nobody else. An answer has to come before the context ends: the
// broker does not wait for longer, and does then what its operator has configured,
// which lets nothing through by default. So does [Fail], and a panic, which the plugin
// survives.
//
// A plugin may also implement [Configurer], to get its settings, which
// [Config.Decode] reads, and the [Broker]; and [Stateful], to hand what it knows to
// the process that takes its place.
//
// Nothing may be written to the standard output: it belongs to the handshake.
// Lines on the standard error are the broker's log; package log writes there.
//
// In a debugger, or wherever else it is started by hand, MOONWIRE_ATTACH=path in the
// environment has [Main] serve a socket that a broker attaches to (`attach` of the
// hook).
//
// Package sdktest runs a plugin in a unit test.
package sdk
