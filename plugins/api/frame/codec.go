package frame

import (
	"sync"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that Codec falls back on
	"google.golang.org/grpc/mem"
)

// Frame is an encoded Batch or Replies.
type Frame struct {
	// Data is the fields of the message. What was received belongs to the receiver.
	Data []byte

	buf  *[]byte // where Data was, for the pool
	pool *Pool
}

// Pool keeps the memory of frames that were sent. The zero value is ready.
type Pool struct{ pool sync.Pool }

// mostKept is how large a buffer is kept.
const mostKept = 1 << 20

// New returns an empty frame. Its memory goes back to the pool when gRPC has
// written it, or by Free.
func (p *Pool) New() *Frame {
	buf := p.Get(0)
	return &Frame{Data: (*buf)[:0], buf: buf, pool: p}
}

// Free gives back a frame that is not sent.
func (f *Frame) Free() {
	*f.buf = f.Data
	f.pool.Put(f.buf)
}

// smallest is the capacity of a new buffer. GRPC keeps none that have less than
// some.
const smallest = 4 << 10

// Get implements mem.BufferPool.
func (p *Pool) Get(n int) *[]byte {
	buf, _ := p.pool.Get().(*[]byte)
	if buf == nil || cap(*buf) < n {
		b := make([]byte, 0, max(n, smallest))
		buf = &b
	}
	*buf = (*buf)[:n]
	return buf
}

// Put implements mem.BufferPool.
func (p *Pool) Put(buf *[]byte) {
	if cap(*buf) <= mostKept {
		p.pool.Put(buf)
	}
}

// Codec is gRPC's codec for protobuf, but for frames, which are encoded when it
// gets them and are left so.
type Codec struct{}

// Name implements encoding.CodecV2.
func (Codec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*Frame)
	if !ok {
		return encoding.GetCodecV2("proto").Marshal(v)
	}
	*f.buf = f.Data
	return mem.BufferSlice{mem.NewBuffer(f.buf, f.pool)}, nil
}

// Unmarshal implements encoding.CodecV2.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*Frame)
	if !ok {
		return encoding.GetCodecV2("proto").Unmarshal(data, v)
	}
	f.Data = data.Materialize()
	return nil
}
