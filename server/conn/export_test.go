package conn

import "time"

// NewDormitoryAfter is NewDormitory for the impatient.
func NewDormitoryAfter(silence, round time.Duration) (*Dormitory, error) {
	return newDormitory(silence, round)
}

// Status is what the peer of a WebSocket is told.
func (r Reason) Status() int { return r.status() }
