// Package setting is what plugins in Go need besides [moonwire/plugins/sdk.Config.Decode]
// to read the `config` of a hook: a time is text such as "5s", and a path is seen from
// the folder of the program. A plugin of yours takes a copy.
//
//	s := settings{Store: "directory.db", Every: "1s"} // the defaults
//	if err := c.Decode(&s); err != nil {
//		return err
//	}
//	every, err := setting.Duration("every", s.Every)
package setting
