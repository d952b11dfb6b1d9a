package monitor

import (
	"strconv"
	"time"
)

// Varz is the answer of /varz. Durations are nanoseconds and timeouts of type
// float64 seconds, as in nats-server. Fields marked [m] are set by the Monitor.
type Varz struct {
	ID               string            `json:"server_id"`
	Name             string            `json:"server_name"`
	Version          string            `json:"version"` // the nats-server version we answer for
	Proto            int               `json:"proto"`
	GoVersion        string            `json:"go"` // [m]
	Host             string            `json:"host"`
	Port             int               `json:"port"`
	AuthRequired     bool              `json:"auth_required,omitempty"`
	TLSRequired      bool              `json:"tls_required,omitempty"`
	TLSVerify        bool              `json:"tls_verify,omitempty"`
	IP               string            `json:"ip,omitempty"`
	ConnectURLs      []string          `json:"connect_urls,omitempty"`
	WSConnectURLs    []string          `json:"ws_connect_urls,omitempty"`
	MaxConnections   int               `json:"max_connections"`
	MaxSubscriptions int               `json:"max_subscriptions,omitempty"`
	PingInterval     time.Duration     `json:"ping_interval"`
	MaxPingsOut      int               `json:"ping_max"`
	HTTPHost         string            `json:"http_host"`
	HTTPPort         int               `json:"http_port"`
	HTTPBasePath     string            `json:"http_base_path"` // [m]
	HTTPSPort        int               `json:"https_port"`
	AuthTimeout      float64           `json:"auth_timeout"`
	MaxControlLine   int32             `json:"max_control_line"`
	MaxPayload       int               `json:"max_payload"`
	MaxPending       int64             `json:"max_pending"`
	Cluster          ClusterVarz       `json:"cluster"`
	Gateway          struct{}          `json:"gateway"` // we have none
	LeafNode         LeafVarz          `json:"leaf"`
	MQTT             struct{}          `json:"mqtt"` // we have none
	Websocket        WebsocketVarz     `json:"websocket"`
	JetStream        struct{}          `json:"jetstream"` // we have none
	TLSTimeout       float64           `json:"tls_timeout"`
	WriteDeadline    time.Duration     `json:"write_deadline"`
	WriteTimeout     string            `json:"write_timeout,omitempty"` // what a missed deadline leads to
	Start            time.Time         `json:"start"`
	Now              time.Time         `json:"now"`                  // [m]
	Uptime           string            `json:"uptime"`               // [m] as "1d2h3m4s"
	Mem              int64             `json:"mem"`                  // [m] resident bytes
	Cores            int               `json:"cores"`                // [m]
	MaxProcs         int               `json:"gomaxprocs"`           // [m]
	MemLimit         int64             `json:"gomemlimit,omitempty"` // [m] bytes
	CPU              float64           `json:"cpu"`                  // [m] percent of one core
	Connections      int               `json:"connections"`
	TotalConnections uint64            `json:"total_connections"`
	Routes           int               `json:"routes"`
	Remotes          int               `json:"remotes"`
	Leafs            int               `json:"leafnodes"`
	InMsgs           int64             `json:"in_msgs"`
	InBytes          int64             `json:"in_bytes"`
	InClientMsgs     int64             `json:"in_client_msgs"`
	InClientBytes    int64             `json:"in_client_bytes"`
	OutMsgs          int64             `json:"out_msgs"`
	OutBytes         int64             `json:"out_bytes"`
	OutClientMsgs    int64             `json:"out_client_msgs"`
	OutClientBytes   int64             `json:"out_client_bytes"`
	SlowConsumers    int64             `json:"slow_consumers"`
	StaleConnections int64             `json:"stale_connections"`
	StalledClients   int64             `json:"stalled_clients"`
	Subscriptions    uint32            `json:"subscriptions"`
	HTTPReqStats     map[string]uint64 `json:"http_req_stats"` // [m] by path
	ConfigLoadTime   time.Time         `json:"config_load_time"`
	ConfigDigest     string            `json:"config_digest"`
	Tags             []string          `json:"tags,omitempty"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	FeatureFlags     map[string]bool   `json:"feature_flags,omitempty"`
	SystemAccount    string            `json:"system_account,omitempty"`
	SlowConsumersBy  ByKind            `json:"slow_consumer_stats"`
	StaleBy          ByKind            `json:"stale_connection_stats"`
	DiskIOWait       DiskIOWait        `json:"disk_io_wait_stats"`
	TLSCertNotAfter  time.Time         `json:"tls_cert_not_after,omitzero"` // of several the earliest
	Moonwire         string            `json:"moonwire,omitempty"`          // our own version
}

// ByKind counts something for each kind of connection.
type ByKind struct {
	Clients  uint64 `json:"clients"`
	Routes   uint64 `json:"routes"`
	Gateways uint64 `json:"gateways"`
	Leafs    uint64 `json:"leafs"`
}

// DiskIOWait is there for the shape: nothing here waits for the disk.
type DiskIOWait struct {
	Waiters     int64  `json:"waiters"`
	Waits       uint64 `json:"waits"`
	WaitTime    uint64 `json:"wait_time"`
	MaxWaitTime uint64 `json:"max_wait_time"`
}

// ClusterVarz is the cluster block of /varz. It is {} without a cluster.
type ClusterVarz struct {
	Name            string        `json:"name,omitempty"`
	Host            string        `json:"addr,omitempty"`
	Port            int           `json:"cluster_port,omitempty"`
	AuthTimeout     float64       `json:"auth_timeout,omitempty"`
	URLs            []string      `json:"urls,omitempty"`
	TLSTimeout      float64       `json:"tls_timeout,omitempty"`
	TLSRequired     bool          `json:"tls_required,omitempty"`
	TLSVerify       bool          `json:"tls_verify,omitempty"`
	PoolSize        int           `json:"pool_size,omitempty"`
	WriteDeadline   time.Duration `json:"write_deadline,omitempty"`
	WriteTimeout    string        `json:"write_timeout,omitempty"`
	TLSCertNotAfter time.Time     `json:"tls_cert_not_after,omitzero"`
}

// LeafVarz is the leaf node block of /varz. It is {} without leaf nodes.
type LeafVarz struct {
	Host            string           `json:"host,omitempty"`
	Port            int              `json:"port,omitempty"`
	AuthTimeout     float64          `json:"auth_timeout,omitempty"`
	TLSTimeout      float64          `json:"tls_timeout,omitempty"`
	TLSRequired     bool             `json:"tls_required,omitempty"`
	TLSVerify       bool             `json:"tls_verify,omitempty"`
	Remotes         []LeafRemoteVarz `json:"remotes,omitempty"`
	WriteDeadline   time.Duration    `json:"write_deadline,omitempty"`
	WriteTimeout    string           `json:"write_timeout,omitempty"`
	TLSCertNotAfter time.Time        `json:"tls_cert_not_after,omitzero"`
}

// LeafRemoteVarz is a configured remote in the leaf node block of /varz.
type LeafRemoteVarz struct {
	LocalAccount string    `json:"local_account,omitempty"`
	TLSTimeout   float64   `json:"tls_timeout,omitempty"`
	URLs         []string  `json:"urls,omitempty"`
	Deny         *LeafDeny `json:"deny,omitempty"` // nil: nothing is denied
}

// LeafDeny holds the subjects that do not cross a leaf node connection.
type LeafDeny struct {
	Exports []string `json:"exports,omitempty"`
	Imports []string `json:"imports,omitempty"`
}

// WebsocketVarz is the WebSocket block of /varz. It is {} without WebSocket.
type WebsocketVarz struct {
	Host             string        `json:"host,omitempty"`
	Port             int           `json:"port,omitempty"`
	Advertise        string        `json:"advertise,omitempty"`
	NoAuthUser       string        `json:"no_auth_user,omitempty"`
	JWTCookie        string        `json:"jwt_cookie,omitempty"`
	HandshakeTimeout time.Duration `json:"handshake_timeout,omitempty"`
	AuthTimeout      float64       `json:"auth_timeout,omitempty"`
	NoTLS            bool          `json:"no_tls,omitempty"`
	TLSMap           bool          `json:"tls_map,omitempty"`
	TLSPinnedCerts   []string      `json:"tls_pinned_certs,omitempty"`
	SameOrigin       bool          `json:"same_origin,omitempty"`
	AllowedOrigins   []string      `json:"allowed_origins,omitempty"`
	Compression      bool          `json:"compression,omitempty"`
	TLSCertNotAfter  time.Time     `json:"tls_cert_not_after,omitzero"`
}

// uptime formats d as nats-server does: whole seconds, in years of 365 days,
// days, hours, minutes and seconds, without the leading units that are zero.
func uptime(d time.Duration) string {
	seconds := int64(max(d, 0) / time.Second)
	var text []byte
	for _, unit := range []struct {
		seconds int64
		name    byte
	}{{365 * 86400, 'y'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}} {
		if n := seconds / unit.seconds; n > 0 || len(text) > 0 || unit.name == 's' {
			text = append(strconv.AppendInt(text, n, 10), unit.name)
		}
		seconds %= unit.seconds
	}
	return string(text)
}
