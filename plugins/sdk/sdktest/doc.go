// Package sdktest runs a plugin in a unit test, in the process of the test and by
// the same stream that the broker uses.
//
//	func TestOrders(t *testing.T) {
//		p := sdktest.Start(t, &policy{}, map[string]any{"limit": 100})
//		alice := p.As(sdk.Client{User: "alice", Account: "A"})
//
//		alice.Publish("orders.new", sdktest.Payload("10 apples")).WantAllow()
//		p.As(sdk.Client{User: "bob"}).Publish("orders.new").WantDeny()
//		alice.Publish("weather.oslo").WantNotAsked()
//	}
//
// What the broker does with registrations is done here too: a plugin is asked about
// the subjects and accounts that it has registered for, and sees the fields that it
// has named. An answer that the broker would take for a failure is one here.
// Nothing is cached, so each question reaches the plugin; the plugin has ten seconds
// for it, unless [Within] says otherwise.
package sdktest
