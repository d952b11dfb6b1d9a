package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// The bounds of a request. Monitoring requests have no body and few headers, and
// /connz of a large server takes a while to read.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = time.Minute
	idleTimeout       = time.Minute
	maxHeaderBytes    = 16 << 10
)

// Server is an HTTP server whose clients cannot hold on to it: the time for and
// the size of each part of a request are bounded.
type Server struct {
	http *http.Server // immutable
}

// NewServer returns a Server for a handler, a Monitor usually. What goes wrong
// with single connections is logged as warnings.
func NewServer(h http.Handler, logger *zap.Logger) *Server {
	errorLog, err := zap.NewStdLogAt(logger, zap.WarnLevel)
	if err != nil {
		panic("monitor: zap does not know its own warn level: " + err.Error())
	}
	return &Server{http: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}}
}

// Serve answers requests on l, which it closes at the end; for HTTPS give it a TLS
// listener. It blocks until Close is called, then returns nil, or until l fails,
// then returns that error. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving monitoring: %w", err)
	}
	return nil
}

// Close stops listening and waits for the requests being answered, but not longer
// than until ctx is done: then it cuts them off and returns ctx's error.
func (s *Server) Close(ctx context.Context) error {
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close() // the first error says it all
		return fmt.Errorf("closing monitoring: %w", err)
	}
	return nil
}
