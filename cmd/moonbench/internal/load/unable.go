package load

import "errors"

// ErrUnable is wrapped by errors that say that a server is not made for a
// scenario: it is to be left out, the others can go on.
var ErrUnable = errors.New("the server cannot run it")
