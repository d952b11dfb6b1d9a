// Package monitor answers the HTTP monitoring endpoints: a page of links at the
// root, /varz, /connz and /healthz, in the form that nats-server gives them, so
// that exporters, dashboards and probes work unchanged. Names, types and order of
// the JSON fields are nats-server's; what we add is named "moonwire". Besides,
// /hookz shows the hooks, and /metrics all of it to Prometheus.
//
// A broker is seen through Source, which hands out snapshots and knows nothing of
// HTTP or JSON. Filtering, sorting and paging happen here, outside the broker's
// locks, as do the facts about the process: memory, CPU, cores, uptime.
//
// NewProfiler serves the profiles of the process, on a port of its own.
//
// The package does not import the server, does not listen (see Server.Serve) and
// knows no users: whoever reaches the port may read, so bind it with care.
//
// Ownership: a Monitor has no goroutines and no end. A Server owns the goroutines
// of its HTTP connections, and Close waits for them. Slices that a Source returns
// belong to the Monitor.
//
//	m := monitor.New(broker, monitor.Options{})
//	s := monitor.NewServer(m, logger.Named("monitor"))
//	go func() { done <- s.Serve(listener) }()
//	…
//	err := s.Close(ctx)
package monitor
