package monitor

import (
	"fmt"
	"io"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.uber.org/zap"
)

// ProfilePath is where the profiles are, with their names behind it.
const ProfilePath = "/debug/pprof/"

// defaultProfile is how long pprof samples when a request does not say it.
const defaultProfile = 30 * time.Second

// NewProfiler returns a Server that answers with the profiles of the process, as
// go tool pprof asks for them. Like monitoring it knows no users, and it is worth
// more to an attacker: a profile costs CPU time and tells where the time goes.
func NewProfiler(logger *zap.Logger) *Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+ProfilePath, pprof.Index)
	mux.HandleFunc("GET "+ProfilePath+"profile", pprof.Profile)
	mux.HandleFunc("GET "+ProfilePath+"symbol", pprof.Symbol)
	mux.HandleFunc("GET "+ProfilePath+"trace", pprof.Trace)
	mux.HandleFunc("GET "+ProfilePath+"cmdline", serveProgram)
	return NewServer(patient(mux), logger)
}

// serveProgram is in the place of pprof.Cmdline: the name of the program without
// its arguments, as they may hold a password.
func serveProgram(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, filepath.Base(os.Args[0])) // the client is gone if this fails
}

// patient makes the time to read a request cover the profile that it asks for:
// when it is over the request counts as given up, and the profile ends with it.
// pprof itself puts off the time to write.
func patient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := defaultProfile
		// What is no number counts as not given, as it does for pprof.
		if s, err := strconv.ParseFloat(r.URL.Query().Get("seconds"), 64); err == nil && s > 0 {
			if s > maxProfile.Seconds() {
				http.Error(w, fmt.Sprintf("seconds: must be at most %.0f", maxProfile.Seconds()), http.StatusBadRequest)
				return
			}
			d = time.Duration(s * float64(time.Second))
		}
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(d + readTimeout)); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// maxProfile is the longest profile that can be had.
const maxProfile = time.Hour
