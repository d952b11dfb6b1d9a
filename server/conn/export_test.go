package conn

import "time"

// NewDormitoryAfter is NewDormitory for the impatient.
func NewDormitoryAfter(silence, round time.Duration) (*Dormitory, error) {
	return newDormitory(silence, round)
}
