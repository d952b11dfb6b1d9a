package listen

import (
	"bufio"
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Messages are compressed each on its own, RFC 7692 with no context takeover:
// what that needs is held for as long as one message takes.

// flushed is how what was compressed ends; it is left out of the message.
const flushed = "\x00\x00\xff\xff"

// tail is what ends a compressed message for the reader: what was left out,
// and an empty last block.
const tail = flushed + "\x01\x00\x00\xff\xff"

// deflater compresses.
type deflater struct {
	w   *flate.Writer
	out bytes.Buffer
}

var deflaters = sync.Pool{New: func() any {
	d := new(deflater)
	d.w, _ = flate.NewWriter(&d.out, flate.BestSpeed) // fails only for an unknown level
	return d
}}

// deflate compresses b. The result is valid until the next call.
func (d *deflater) deflate(b []byte) []byte {
	d.out.Reset()
	d.w.Reset(&d.out)
	_, _ = d.w.Write(b) // a buffer takes everything
	_ = d.w.Flush()
	return bytes.TrimSuffix(d.out.Bytes(), []byte(flushed))
}

// inflater decompresses.
type inflater struct {
	in    *bufio.Reader
	r     io.ReadCloser
	total int // bytes of the message so far
}

var inflaters = sync.Pool{New: func() any {
	i := &inflater{in: bufio.NewReaderSize(nil, 16<<10)}
	i.r = flate.NewReader(i.in)
	return i
}}

// inflating returns an inflater of what r yields up to io.EOF.
func inflating(r io.Reader) *inflater {
	i := inflaters.Get().(*inflater)
	i.in.Reset(r)
	i.total = 0
	_ = i.r.(flate.Resetter).Reset(i.in, nil) // returns no error
	return i
}

// free gives i back to where it came from.
func (i *inflater) free() {
	i.in.Reset(nil)
	inflaters.Put(i)
}
