package profile

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBytes bounds a profile; those of a few seconds have some ten kilobytes.
const maxBytes = 64 << 20

// Fetch returns the CPU profile of the program whose profiling endpoint is at
// addr, a host:port, in pprof's format. It takes d, rounded up to whole seconds.
func Fetch(ctx context.Context, addr string, d time.Duration) ([]byte, error) {
	seconds := Seconds(d)
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", addr, int(seconds.Seconds()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching the profile: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching the profile: %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxBytes))
	if err != nil {
		return nil, fmt.Errorf("fetching the profile: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching the profile: %s says %s: %s", url, res.Status, strings.TrimSpace(string(data[:min(len(data), 200)])))
	}
	return data, nil
}

// Seconds rounds d up to whole seconds, at least one: an endpoint takes no
// other length.
func Seconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}
