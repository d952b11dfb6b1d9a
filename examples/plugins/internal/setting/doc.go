// Package setting reads the `config` of a hook for the plugins in Go: a key that nobody
// knows is an error, a time is text such as "5s", and a path is seen from the folder of
// the program. A plugin of yours takes a copy.
//
//	s := settings{Store: "directory.db", Every: "1s"} // the defaults
//	if err := setting.Read(c, &s); err != nil {
//		return err
//	}
//	every, err := setting.Duration("every", s.Every)
package setting
