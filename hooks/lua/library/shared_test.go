package library

import (
	"strings"
	"testing"
)

// TestSharedHostile calls what scripts share, again and again.
func TestSharedHostile(t *testing.T) {
	const key = mostKey
	for _, tt := range []struct {
		name, source string
		size         int // of s
	}{
		{"reading", "while true do kv.get(s) end", key},
		{"reading what is common", "local x = kv.shared('x') while true do x.get(s) end", key},
		{"a large value", "while true do kv.set('a', s) end", mostValue},
		{"a small value", "while true do kv.set('a', s) end", 1},
		{"adding a large value", "while true do kv.add('a', s) end", mostValue},
		{"comparing large values", "while true do kv.cas('a', s, s) end", mostValue},
		{"setting and deleting", "while true do kv.set(s, 1) kv.del(s) end", key},
		{"the same for a time", "local o = { ttl = 1 } while true do kv.set(s, 1, o) kv.del(s) end", key},
		{"ever new keys", "local i = 0 while true do i = i + 1 kv.set(i, 1) end", 0},
		{"counting", "while true do kv.incr('a') end", 0},
		{"wrong values", "while true do pcall(kv.set, s, {}) end", key},
		{"a bucket", "local o = { rate = 1 } while true do ratelimit.allow(s, o) end", key},
		{"ever new buckets", "local o, i = { rate = 1 }, 0 while true do i = i + 1 ratelimit.allow(i, o) end", 0},
		{"wrong buckets", "local o = { rat = 1 } while true do pcall(ratelimit.allow, s, o) end", key},
		{"writing times", "while true do time.format() end", 0},
		{"taking times apart", "while true do time.date() end", 0},
		{"reading times", "while true do time.parse('2026-01-02T03:04:05.678+02:00') end", 0},
		{"what is no time", "while true do time.parse(s) end", 64},
		{"long reasons", "while true do clients.disconnect({ id = 1 }, s) end", 1 << 20},
		{"wrong selectors", "while true do pcall(clients.disconnect, { id = 0 }) end", 0},
		{"many tags", "local t = {} for i = 1, 20000 do t['a' .. i] = s end while true do clients.disconnect{ tags = t } end", 1},
		{"no URL", "while true do http.get('http://a b/' .. s) end", 8000},
		{"a URL of another scheme", "local url = 'file:///' .. ('%41'):rep(2700) while true do http.get(url) end", 0},
		{"where nobody may go", "while true do http.get('http://169.254.169.254/') end", 0},
		{"many headers", "local h = {} for i = 1, 64 do h['h' .. i] = 'v' end while true do http.get('x://', { headers = h }) end", 0},
		{"too many headers", "local h = {} for i = 1, 65 do h['h' .. i] = 'v' end while true do pcall(http.get, 'x://', { headers = h }) end", 0},
		{"a large body", "while true do http.post('x://', s) end", mostBody},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, tt.source, strings.Repeat("x", tt.size)) })
	}
}
