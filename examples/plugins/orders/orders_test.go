package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moonwire/plugins/sdk"
	"moonwire/plugins/sdk/sdktest"
)

// folder is where the schemas of the example are: the test is not run in the folder of
// its program.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("schemas")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func config(t testing.TB) map[string]any {
	t.Helper()
	return map[string]any{"schemas": []map[string]any{
		{"subject": "orders.*.new", "file": filepath.Join(folder(t), "order-1.json"), "version": "order/1"},
		{"subject": "quotes.>", "file": filepath.Join(folder(t), "quote-1.json"), "version": "quote/1", "otherwise": "drop"},
	}}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	p := sdktest.Start(t, new(orders), config(t), registrations()...)
	const good = `{"id":"EU-1","due":"2030-01-31","items":[{"sku":"apple","count":10}]}`
	for _, tt := range []struct {
		name, subject, payload string
		want                   sdktest.Verdict
		reason, version        string
	}{
		{"good", "orders.eu.new", good, sdktest.Replace, "", "order/1"},
		{"lacks", "orders.eu.new", `{"items":[{"sku":"apple","count":1}]}`, sdktest.Deny, `order/1: "/" lacks id`, ""},
		{"another type", "orders.eu.new", `{"id":7,"items":[{"sku":"apple","count":1}]}`, sdktest.Deny, `order/1: "/id" breaks type`, ""},
		{"too little", "orders.eu.new", `{"id":"EU-1","items":[{"sku":"4711-secret","count":0}]}`, sdktest.Deny, `order/1: "/items/0/count" breaks minimum`, ""},
		{"a pattern", "orders.eu.new", `{"id":"secret","items":[{"sku":"x","count":1}]}`, sdktest.Deny, `order/1: "/id" breaks pattern`, ""},
		{"no date", "orders.eu.new", strings.Replace(good, "01-31", "02-31", 1), sdktest.Deny, `order/1: "/due" breaks format`, ""},
		{"something more", "orders.eu.new", strings.Replace(good, `"id"`, `"secret":1,"id"`, 1), sdktest.Deny, `order/1: "/" breaks additionalProperties`, ""},
		{"not JSON", "orders.eu.new", `{"id":`, sdktest.Deny, "order/1: it is not JSON", ""},
		{"two documents", "orders.eu.new", good + good, sdktest.Deny, "order/1: it is not JSON", ""},
		{"empty", "orders.eu.new", "", sdktest.Deny, "order/1: it is not JSON", ""},
		{"dropped", "quotes.eu", `{"cents":-1}`, sdktest.Drop, `quote/1: "/cents" breaks minimum`, ""},
		{"more than a float can tell", "quotes.eu", `{"cents":9007199254740993}`, sdktest.Replace, "", "quote/1"},
		{"of no schema", "orders.eu.old", "anything", sdktest.Replace, "", ""}, // a forged header is taken away
	} {
		r := p.Inspect(tt.subject, sdktest.Payload(tt.payload), sdktest.Header("schema-version", "forged"), sdktest.Header("X", "y"))
		if r.Verdict != tt.want || r.Reason != tt.reason || strings.Contains(r.Reason, "secret") {
			t.Errorf("%s: got %v, want %s %q", tt.name, r, tt.want, tt.reason)
		}
		if r.Verdict == sdktest.Replace && (r.Get("Schema-Version") != tt.version || r.Get("X") != "y" || string(r.Payload) != tt.payload) {
			t.Errorf("%s: the header is %q", tt.name, r.Header)
		}
	}
	p.Inspect("orders.eu.old").WantPass()
	deep := strings.Repeat("[", 100_000)
	p.Inspect("quotes.eu", sdktest.Payload(deep)).WantDrop()
	p.Inspect("quotes.eu", sdktest.Payload(strings.Repeat("x", 1<<20+1))).WantFailed()
	long := `{"id":"EU-1","items":[{"sku":"x","count":1}],"due":{"` + strings.Repeat("é", 100) + `":1}}`
	if r := p.Inspect("orders.eu.new", sdktest.Payload(long)).WantDeny(); len(r.Reason) > 200 {
		t.Errorf("the reason has %d bytes", len(r.Reason))
	}
}

func TestHandover(t *testing.T) {
	t.Parallel()
	first := sdktest.Start(t, new(orders), config(t), registrations()...)
	first.Inspect("quotes.x", sdktest.Payload(`{"cents":1}`)).WantReplace()
	first.Inspect("quotes.x", sdktest.Payload(`{}`)).WantDrop()

	o := new(orders)
	second, err := sdktest.Run(t, o, sdktest.Options{Config: config(t), State: first.State()}, registrations()...)
	if err != nil {
		t.Fatal(err)
	}
	second.Inspect("quotes.x", sdktest.Payload(`{"cents":2}`)).WantReplace()
	second.Inspect("orders.x.new", sdktest.Payload(`{}`)).WantDeny()
	if got, want := o.counted.String(), "order/1: 0 passed, 1 refused; quote/1: 2 passed, 1 refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"broken.json": `{"type": "objekt"}`, "web.json": `{"$ref": "http://127.0.0.1/x.json"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one := func(subject, file, version, otherwise string) map[string]any {
		return map[string]any{"schemas": []map[string]any{{"subject": subject, "file": file, "version": version, "otherwise": otherwise}}}
	}
	good := filepath.Join(folder(t), "quote-1.json")
	for _, tt := range []struct {
		name string
		o    sdktest.Options
		want []string
	}{
		{"nothing", sdktest.Options{}, []string{"schemas: there are none"}},
		{"all wrong", sdktest.Options{Config: one("a..b", "missing.json", "a\nb", "allow")}, []string{"a..b", "missing.json", `a\nb`, `"allow"`}},
		{"no schema", sdktest.Options{Config: one("a", filepath.Join(dir, "broken.json"), "1", "")}, []string{"broken.json"}},
		{"from elsewhere", sdktest.Options{Config: one("a", filepath.Join(dir, "web.json"), "1", "")}, []string{"http://127.0.0.1/x.json"}},
		{"a word too many", sdktest.Options{Config: map[string]any{"schema": 1}}, []string{"schema"}},
		{"no state", sdktest.Options{Config: one("a", good, "1", ""), State: []byte("x")}, []string{"the counters"}},
	} {
		_, err := sdktest.Run(t, new(orders), tt.o, registrations()...)
		for _, want := range tt.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", tt.name, err, want)
			}
		}
	}
}

// TestConfiguredAgain: a process that a broker attaches to twice knows what it was told
// last, and no more.
func TestConfiguredAgain(t *testing.T) {
	t.Parallel()
	o := new(orders)
	sdktest.Start(t, o, config(t), registrations()...)
	p := sdktest.Start(t, o, map[string]any{"schemas": config(t)["schemas"].([]map[string]any)[:1]}, registrations()...)
	p.Inspect("quotes.eu", sdktest.Payload("anything")).WantPass()
	p.Inspect("orders.eu.new", sdktest.Payload("anything")).WantDeny()
}

func BenchmarkInspect(b *testing.B) {
	o := new(orders)
	settings, err := json.Marshal(config(b))
	if err != nil {
		b.Fatal(err)
	}
	if err := o.Configure(b.Context(), &sdk.Config{JSON: settings}); err != nil {
		b.Fatal(err)
	}
	payload := []byte(`{"id":"EU-1","due":"2030-01-31","items":[{"sku":"apple","count":10}]}`)
	b.ReportAllocs()
	for b.Loop() {
		o.Inspect(b.Context(), &sdk.Message{Subject: "orders.eu.new", Payload: payload})
	}
	if o.counted.of["order/1"].refused.Load() > 0 {
		b.Error("it is refused")
	}
}
