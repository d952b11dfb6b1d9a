package monitor

import (
	"math"
	"net/http"
	"path"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The paths of the endpoints, below Options.BasePath.
const (
	RootPath           = "/"
	VarzPath           = "/varz"
	ConnzPath          = "/connz"
	SubszPath          = "/subsz"
	SubscriptionszPath = "/subscriptionsz" // the same as SubszPath
	AccountzPath       = "/accountz"
	AccountStatzPath   = "/accstatz"
	RoutezPath         = "/routez"
	GatewayzPath       = "/gatewayz"
	LeafzPath          = "/leafz"
	HealthzPath        = "/healthz"
	HookzPath          = "/hookz"
	MetricsPath        = "/metrics"
)

// Source is the broker as monitoring sees it. Its methods are called by several
// goroutines at once, must not block for long, and return snapshots that share
// no memory with the broker.
type Source interface {
	// ServerID returns the id in INFO.server_id.
	ServerID() string
	// Varz returns the state of the server, but for the fields of which the
	// documentation says that the Monitor sets them.
	Varz() Varz
	// Conns returns the connections in a state, in any order, without their
	// subscriptions and the other fields of which the documentation says that
	// the Monitor sets them.
	Conns(state ConnState) []ConnInfo
	// Subscriptions returns the subscriptions of a connection, or those it had
	// when it was closed. It returns nil if there are none or the connection is
	// not known (any more).
	Subscriptions(cid uint64) []SubDetail
	// Accounts returns the accounts, in the order of their names.
	Accounts() []AccountState
	// Healthz says whether the server is able to serve.
	Healthz() Health
	// Hooks returns the hooks, in the order in which they are asked.
	Hooks() []HookInfo
}

// Values of Health.Status.
const (
	StatusOK          = "ok"          // answered with 200
	StatusUnavailable = "unavailable" // a part that is needed is missing; 503
	StatusError       = "error"       // a part that is there fails; 503
)

// Health is the answer of /healthz.
type Health struct {
	Status string `json:"status"`          // StatusOK, StatusUnavailable or StatusError
	Error  string `json:"error,omitempty"` // why it is not StatusOK
}

// Code returns the HTTP status of the answer.
func (h Health) Code() int {
	if h.Status == StatusOK {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// Options of a Monitor. The zero value is usable.
type Options struct {
	BasePath string // path in front of all endpoints (http_base_path); default: none
}

// Monitor answers what is asked about a Source, over HTTP (it is the
// http.Handler) or through its methods. All may be used concurrently.
type Monitor struct {
	source    Source               // immutable
	base      string               // immutable; "" or "/…" without a slash at the end
	endpoints map[string]*endpoint // immutable; by full path
	process   *process
	registry  *prometheus.Registry // immutable; what /metrics shows
}

// endpoint is one path.
type endpoint struct {
	path     string // without the base path
	serve    func(w http.ResponseWriter, q *query)
	requests atomic.Uint64
}

// New returns the Monitor of source.
func New(source Source, o Options) *Monitor {
	m := &Monitor{source: source, endpoints: make(map[string]*endpoint), process: newProcess(time.Now())}
	if base := path.Join("/", o.BasePath); base != "/" {
		m.base = base
	}
	for _, e := range []*endpoint{
		{path: RootPath, serve: m.serveRoot},
		{path: VarzPath, serve: m.serveVarz},
		{path: ConnzPath, serve: m.serveConnz},
		{path: SubszPath, serve: m.serveSubsz},
		{path: SubscriptionszPath, serve: m.serveSubsz},
		{path: AccountzPath, serve: m.serveAccountz},
		{path: AccountStatzPath, serve: m.serveAccountStatz},
		{path: RoutezPath, serve: plainly(m.Routez)},
		{path: GatewayzPath, serve: plainly(m.Gatewayz)},
		{path: LeafzPath, serve: plainly(m.Leafz)},
		{path: HealthzPath, serve: m.serveHealthz},
		{path: HookzPath, serve: m.serveHookz},
		{path: MetricsPath, serve: m.serveMetrics},
	} {
		m.endpoints[path.Join("/", m.base, e.path)] = e
	}
	m.registry = newRegistry(m)
	return m
}

// Varz returns the state of the server.
func (m *Monitor) Varz() Varz {
	v := m.source.Varz()
	now := time.Now()
	v.GoVersion = runtime.Version()
	v.HTTPBasePath = m.base
	v.Start, v.Now, v.ConfigLoadTime = v.Start.UTC(), now.UTC(), v.ConfigLoadTime.UTC()
	v.Uptime = uptime(now.Sub(v.Start))
	v.Mem, v.CPU = m.process.usage(now)
	v.Cores, v.MaxProcs = runtime.NumCPU(), runtime.GOMAXPROCS(0)
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		v.MemLimit = limit
	}
	v.HTTPReqStats = make(map[string]uint64)
	for _, e := range m.endpoints {
		if n := e.requests.Load(); n > 0 {
			v.HTTPReqStats[e.path] = n
		}
	}
	return v
}

// Healthz says whether the server is able to serve.
func (m *Monitor) Healthz() Health { return m.source.Healthz() }
