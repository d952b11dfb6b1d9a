package wire

import "encoding/json"

// Info is what a server says of itself. The order of the fields is the order
// on the wire (protocol.md §1.3).
type Info struct {
	ServerID     string   `json:"server_id"`
	ServerName   string   `json:"server_name"`
	Version      string   `json:"version"` // the nats-server version whose client features we answer for
	Proto        int      `json:"proto"`
	GitCommit    string   `json:"git_commit,omitempty"`
	GoVersion    string   `json:"go"`
	Host         string   `json:"host"`
	Port         int      `json:"port"`
	Headers      bool     `json:"headers"`
	AuthRequired bool     `json:"auth_required,omitempty"`
	TLSRequired  bool     `json:"tls_required,omitempty"`
	TLSVerify    bool     `json:"tls_verify,omitempty"`
	TLSAvailable bool     `json:"tls_available,omitempty"`
	MaxPayload   int      `json:"max_payload"` // bytes
	ClientID     uint64   `json:"client_id,omitempty"`
	ClientIP     string   `json:"client_ip,omitempty"`
	Nonce        string   `json:"nonce,omitempty"`
	Cluster      string   `json:"cluster,omitempty"`
	ConnectURLs  []string `json:"connect_urls,omitempty"`
	LameDuck     bool     `json:"ldm,omitempty"`
	// ConnectInfo and RemoteAccount are set in the INFO that answers CONNECT
	// and the first PING, and in no other.
	ConnectInfo   bool   `json:"connect_info,omitempty"`
	RemoteAccount string `json:"remote_account,omitempty"`
	IsSystem      bool   `json:"acc_is_sys,omitempty"`
	APILevel      int    `json:"api_lvl,omitempty"`
	XKey          string `json:"xkey,omitempty"`
	Moonwire      string `json:"moonwire,omitempty"` // our own version
}

// AppendInfo appends the INFO line. The blank before CRLF is part of the
// protocol as clients know it.
func AppendInfo(dst []byte, i *Info) []byte {
	j, err := json.Marshal(i)
	if err != nil {
		panic("wire: INFO cannot be encoded: " + err.Error()) // only strings and numbers
	}
	dst = append(dst, "INFO "...)
	dst = append(dst, j...)
	return append(dst, " \r\n"...)
}

// Connect is the JSON of CONNECT (protocol.md §1.4).
type Connect struct {
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	TLSRequired  bool   `json:"tls_required,omitempty"`
	Nkey         string `json:"nkey,omitempty"`
	JWT          string `json:"jwt,omitempty"`
	Sig          string `json:"sig,omitempty"`
	Token        string `json:"auth_token,omitempty"`
	User         string `json:"user,omitempty"`
	Password     string `json:"pass,omitempty"`
	Name         string `json:"name,omitempty"`
	Lang         string `json:"lang,omitempty"`
	Version      string `json:"version,omitempty"`
	Protocol     int    `json:"protocol"`
	Account      string `json:"account,omitempty"`
	NewAccount   bool   `json:"new_account,omitempty"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders,omitempty"`
	Echo         bool   `json:"echo"`
	ProxySig     string `json:"proxy_sig,omitempty"`
}

// DefaultConnect is how a connection behaves before it sent a CONNECT, and
// what the fields that a CONNECT leaves out mean.
func DefaultConnect() Connect {
	return Connect{Verbose: true, Pedantic: true, Echo: true}
}

// Decode reads the JSON of a CONNECT over c: fields that it does not name keep
// their values, unknown ones are ignored. It returns ErrMalformed for whatever
// is no object or has a field of the wrong type.
func (c *Connect) Decode(j []byte) *Error {
	if err := json.Unmarshal(j, c); err != nil {
		return ErrMalformed
	}
	return nil
}

// CheckInfo reports whether j, the argument of an INFO that a client sent, is
// legal: its content does not matter, its syntax does.
func CheckInfo(j []byte) *Error {
	var i Info
	if err := json.Unmarshal(j, &i); err != nil {
		return ErrMalformed
	}
	return nil
}
