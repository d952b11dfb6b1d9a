package library

import "moonwire/hooks/lua/sandbox"

func (h *httpLib) module() *Module {
	url := Param{"url", "string", "Beginning with http:// or https://."}
	opts := Param{"opts", "http.Options?", "How it is sent."}
	returns := []Param{
		{"response", "http.Response?", "The answer, whatever its status; nil if there was none."},
		{"err", "string?", "Why there was none."},
	}
	return &Module{
		Name: "http",
		Doc: "Asks other services, at connect and event. " +
			"An answer has at most 1 MiB, unless the broker is configured otherwise; a request has at most 1 MiB, 64 headers and 16 KiB of them. " +
			"Certificates are always verified. Up to 3 redirects are followed: never from https to http; " +
			"to another host without the headers of the script, and not if that would send it a body. " +
			"The broker's configuration says which hosts can be reached. " +
			"Proxies of the environment are not used, and compressed answers are not asked for.",
		Waits: true,
		Functions: []Function{
			{
				Name:    "get",
				Doc:     "Sends a GET.",
				Params:  []Param{url, opts},
				Returns: returns,
				Example: `local res, err = http.get("https://auth.example.com/users/bob", { timeout = 0.5 })
if not res then return deny("no answer: " .. err) end
if res.status ~= 200 then return deny("unknown user") end`,
				Do: func(a *sandbox.Args) error {
					r := request{method: "GET"}
					if err := r.common(a, 2); err != nil {
						return err
					}
					return h.do(a, &r)
				},
			},
			{
				Name:    "post",
				Doc:     "Sends a POST.",
				Params:  []Param{url, {"body", "string|table|nil", "What is sent; a table becomes JSON."}, opts},
				Returns: returns,
				Example: `local res, err = http.post("https://auth.example.com/check", { user = "bob" })
if not res or res.status ~= 200 then return deny("not known") end`,
				Do: func(a *sandbox.Args) error {
					r := request{method: "POST"}
					if err := r.common(a, 3); err != nil {
						return err
					}
					if err := r.setBody(a, a.At(2), "bad argument #2"); err != nil {
						return err
					}
					return h.do(a, &r)
				},
			},
			{
				Name:    "request",
				Doc:     "Sends any request.",
				Params:  []Param{{"request", "http.Request", "What is sent."}},
				Returns: returns,
				Example: `local res, err = http.request{
  method = "DELETE", url = "https://auth.example.com/sessions/1",
  headers = { Authorization = "Bearer secret" },
}`,
				Do: func(a *sandbox.Args) error {
					var r request
					if err := r.whole(a); err != nil {
						return err
					}
					return h.do(a, &r)
				},
			},
		},
		Types: []Type{
			{Name: "http.Options", Doc: "How a request is sent.", Fields: requestFields},
			{
				Name: "http.Request",
				Doc:  "A request.",
				Fields: append([]Param{
					{"method", "string?", "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS; GET by default, POST if there is a body."},
					url,
					{"body", "string|table|nil", "What is sent; a table becomes JSON."},
				}, requestFields...),
			},
			{
				Name: "http.Response",
				Doc:  "An answer.",
				Fields: []Param{
					{"status", "integer", "Such as 200."},
					{"headers", "table<string, string>", "By names in lower case; the values of a header that came more than once are joined by a comma and a blank."},
					{"body", "string", "What came; json.decode makes a table of JSON."},
				},
			},
		},
	}
}

// requestFields are the options that all requests have.
var requestFields = []Param{
	{"headers", "table<string, string>?", "Headers. The broker sets those of the connection itself."},
	{"timeout", "number?", "Seconds until it must have been answered; no longer than the call may take. 10 by default, unless the broker is configured otherwise."},
	{"max_body", "integer?", "Bytes that the answer may have, if fewer than the broker allows."},
}
