// Command service is an authentication service for the example: it says who
// somebody is who has a name and a password. A real one would have them in a
// database, as hashes.
//
//	go run ./examples/lua/http-auth/service
package main

import (
	"crypto/subtle"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// user is what the hook is told of a user.
type user struct {
	Name      string   `json:"user"`
	Account   string   `json:"account"`
	Publish   []string `json:"publish"`
	Subscribe []string `json:"subscribe"`

	password string
}

func main() {
	addr := flag.String("addr", "127.0.0.1:9090", "where to listen")
	flag.Parse()
	if err := serve(*addr); err != nil {
		fmt.Fprintf(os.Stderr, "service: %v\n", err)
		os.Exit(1)
	}
}

// serve answers until the process ends.
func serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("Listening on http://%s/auth\n", l.Addr())
	mux := http.NewServeMux()
	mux.Handle("POST /auth", users{
		"alice": {"alice", "APP", []string{"orders.>"}, []string{"orders.>", "_INBOX.alice.>"}, "wonderland"},
		"bob":   {"bob", "APP", nil, []string{"orders.>", "_INBOX.bob.>"}, "builder"},
	})
	s := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second}
	return s.Serve(l)
}

// users are all users, by name.
type users map[string]user

// ServeHTTP implements http.Handler. It answers 200 with the user, or 401.
func (u users) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct{ User, Password string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8192)).Decode(&q); err != nil {
		http.Error(w, "want JSON", http.StatusBadRequest)
		return
	}
	found, known := u[q.User]
	if subtle.ConstantTimeCompare([]byte(found.password), []byte(q.Password)) != 1 || !known {
		fmt.Printf("%q is refused\n", q.User)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Printf("%q is let in\n", q.User)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(found) // a broker that went away asks again
}
