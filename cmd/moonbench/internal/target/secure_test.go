//go:build linux

package target

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"moonwire/cmd/moonbench/internal/cert"
)

func TestCommandTLS(t *testing.T) {
	t.Parallel()
	c := Command{Name: "A", Line: roleLine(t, "plain", "{port}"), TLSLine: roleLine(t, "secure", "{port} {cert} {key}")}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := c.StartTLS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if s.TLS == nil || s.TLS.InsecureSkipVerify {
		t.Errorf("TLS %+v", s.TLS)
	}
	dir := s.keys.dir
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	if err := ping(t.Context(), s.Addr, s.keys.client()); err != nil {
		t.Errorf("with TLS: %v", err)
	}
	other, err := cert.New()
	if err != nil {
		t.Fatal(err)
	}
	trust := other.Trust()
	trust.ServerName = "127.0.0.1"
	if err := ping(t.Context(), s.Addr, trust); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("another certificate: got %v", err)
	}
	s.Stop()
	s.Stop()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is there after Stop: %v", err)
	}
	plain, err := c.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Stop()
	if plain.TLS != nil {
		t.Error("a plain server has TLS")
	}
}

// Not parallel: it sets where temporary folders are made.
func TestStartTLSFails(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, tt := range []struct {
		name, line string
		want       string
		noTLS      bool
	}{
		{name: "no command", want: "server A: no TLS: no command", noTLS: true},
		{name: "no offer", line: roleLine(t, "plain", "{port} {cert} {key}"), want: "server A: no TLS: its INFO", noTLS: true},
		{name: "exits", line: roleLine(t, "broken", "{port} {cert} {key}"), want: "server A: exited before it answered"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Command{Name: "A", Line: "srv {port}", TLSLine: tt.line}.StartTLS(t.Context())
			if err == nil {
				s.Stop()
				t.Fatal("it starts")
			}
			if !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrNoTLS) != tt.noTLS {
				t.Errorf("got %v, want %q, ErrNoTLS: %v", err, tt.want, tt.noTLS)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
	t.Setenv("TMPDIR", "/nonexistent")
	if _, err := (Command{TLSLine: "srv"}).StartTLS(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no place for a certificate: got %v", err)
	}
}

func TestValidateTLS(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                            "",
		"srv {port} {cert} {key}":     "",
		"srv {cert} {key}":            "has no {port}",
		"srv {port} {key}":            "TLS command of server A has no {cert}",
		"srv {port} --tlscert={cert}": "TLS command of server A has no {key}",
	} {
		err := Command{Name: "A", Line: "srv {port}", TLSLine: line}.Validate()
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}

func TestUpgradeFails(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"":                                  "EOF",
		"-ERR 'Too Many'\r\n":               "server says -ERR 'Too Many'",
		"INFO {x}\r\n":                      "reading INFO",
		"INFO {}\r\n":                       "no TLS: its INFO does not offer it",
		"INFO {\"tls_required\":true}\r\n+": "says more before TLS",
	} {
		near, far := net.Pipe()
		go func() {
			_, _ = io.WriteString(far, said)
			_ = far.Close()
		}()
		if _, err := upgrade(near, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", said, err, want)
		}
		_ = near.Close()
	}
}
