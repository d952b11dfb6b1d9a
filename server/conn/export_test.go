package conn

import "time"

// NewDormitoryAfter is NewDormitory for the impatient.
func NewDormitoryAfter(silence, round time.Duration) (*Dormitory, error) {
	return newDormitory(silence, round)
}

// Status is what the peer of a WebSocket is told.
func (r Reason) Status() int { return r.status() }

// Admit makes a connection that nobody serves what a says.
func (c *Client) Admit(a *Admission) {
	c.admit(a)
	c.startTimers()
}

// Batch runs b as if it had been read, on a connection that nobody serves.
func (c *Client) Batch(b []byte) {
	if c.worker == nil {
		c.work()
	} else {
		c.equip()
	}
	c.run(b)
	c.settle()
	if c.saying != nil {
		c.await()
	}
	c.parser.Reset()
	c.flush()
}

// Rest is what a connection does whose socket is drained.
func (c *Client) Rest() { c.release() }

// Holds reports whether the connection has a worker, and a buffer for input. Ask it
// in the read loop.
func (c *Client) Holds() (worker, buffer bool) { return c.worker != nil, c.in.buf != nil }

// Hooks reports whether a connection that sleeps holds anything for hooks.
func (c *Client) Hooks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.life != nil || c.mu.endLife != nil || c.hooked.Load() != nil || c.worker != nil
}
