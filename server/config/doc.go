// Package config holds the options of the broker, the one table that declares
// them, and the code that loads them.
//
// The table (table.go) names for every setting its key, aliases, flags, kind,
// range, default and documentation. Everything else is derived from it: how a
// file, an environment variable or a flag is decoded, what an error says, the
// text of -h, docs/reference/config.md, the defaults and the checks of Options.
// A new key is one entry in the table and one field in Options; a test fails
// when the two disagree.
//
// Sources are laid over each other, later ones win: defaults, the file (NATS
// syntax, or YAML when its name ends in .yaml or .yml), the environment
// (MOONWIRE_<KEY>), flags. Keys are case-insensitive, values are not. Each
// source is a koanf provider whose tree has the shape of Options, so that koanf
// merges the layers and decodes the result without knowing any key. All
// problems of all sources are reported at once, each with its position.
//
// The package starts nothing, logs nothing and keeps nothing: a reload is a
// second call of Parse. Values of secret settings never appear in errors,
// warnings or the String of Options.
//
//	cmd, err := config.Parse(os.Args[1:], os.Environ())
//	if err != nil {
//		fmt.Fprintln(os.Stderr, err)
//		fmt.Fprint(os.Stderr, config.Usage("moonwire"))
//		os.Exit(1)
//	}
//	if cmd.Action == config.Run {
//		serve(cmd.Options)
//	}
package config

// The texts that are made from the table.
//go:generate go test -run TestUsage|TestReference -update
