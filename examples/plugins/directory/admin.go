package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/crypto/bcrypt"

	"moonwire/examples/plugins/internal/setting"
	"moonwire/server/subject"
)

const usage = `Usage: directory COMMAND [flags] [NAME]

  add-group [-publish LIST] [-subscribe LIST] [-deny-publish LIST] [-deny-subscribe LIST] NAME
  add-user [-groups LIST] NAME    the first line of the standard input is the password
  remove-group NAME
  remove-user NAME
  list

A LIST has commas. What is there already is replaced. Each command takes -store FILE; without, it
is directory.db in the folder of this program.
`

// administer runs a command, and returns the exit code.
func administer(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := run(args[0], args[1:], stdin, stdout)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, usage)
		return 2
	}
	fmt.Fprintf(stderr, "directory: %v\n", err)
	return 1
}

func run(command string, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	store := flags.String("store", "", "")
	var g group
	var of []string
	switch command {
	case "add-group":
		listFlag(flags, "publish", &g.Publish.Allow)
		listFlag(flags, "subscribe", &g.Subscribe.Allow)
		listFlag(flags, "deny-publish", &g.Publish.Deny)
		listFlag(flags, "deny-subscribe", &g.Subscribe.Deny)
	case "add-user":
		listFlag(flags, "groups", &of)
	case "remove-group", "remove-user", "list":
	default:
		return flag.ErrHelp
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	name, names := flags.Arg(0), 1
	if command == "list" {
		names = 0
	}
	if flags.NArg() != names || names == 1 && name == "" {
		return flag.ErrHelp
	}
	path := *store
	if path == "" {
		var err error
		if path, err = setting.Beside("directory.db"); err != nil {
			return err
		}
	}
	now := time.Now()
	switch command {
	case "list":
		return list(path, stdout)
	case "add-group":
		if err := g.check(); err != nil {
			return err
		}
		return change(path, func(tx *bbolt.Tx) error { return put(tx, groups, name, g) })
	case "remove-group":
		return change(path, func(tx *bbolt.Tx) error {
			if tx.Bucket([]byte(groups)).Get([]byte(name)) == nil {
				return fmt.Errorf("there is no group %q", name)
			}
			return tx.Bucket([]byte(groups)).Delete([]byte(name))
		})
	case "remove-user":
		return change(path, func(tx *bbolt.Tx) error { return removeUser(tx, name, now) })
	}
	line := bufio.NewScanner(stdin)
	line.Scan()
	if err := line.Err(); err != nil {
		return fmt.Errorf("reading the password: %w", err)
	}
	return change(path, func(tx *bbolt.Tx) error { return putUser(tx, name, line.Text(), bcrypt.DefaultCost, of, now) })
}

// listFlag makes a flag of a list with commas.
func listFlag(flags *flag.FlagSet, name string, to *[]string) {
	flags.Func(name, "", func(v string) error {
		*to = nil
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				*to = append(*to, part)
			}
		}
		return nil
	})
}

// check returns an error for what the broker would not take as permissions.
func (g *group) check() error {
	for _, list := range [][]string{g.Publish.Allow, g.Publish.Deny, g.Subscribe.Allow, g.Subscribe.Deny} {
		for _, s := range list {
			if strings.ContainsAny(s, " \t\r\n") || !subject.ValidPattern(s) {
				return fmt.Errorf("%q is no subject", s)
			}
		}
	}
	return nil
}

// list prints the directory, without hashes.
func list(path string, w io.Writer) error {
	s, err := read(path, nil)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(s.groups)) {
		g := s.groups[name]
		fmt.Fprintf(w, "group %s", name)
		for _, r := range []struct {
			what string
			list []string
		}{{"publish", g.Publish.Allow}, {"not publish", g.Publish.Deny}, {"subscribe", g.Subscribe.Allow}, {"not subscribe", g.Subscribe.Deny}} {
			if len(r.list) > 0 {
				fmt.Fprintf(w, ", %s %s", r.what, strings.Join(r.list, " "))
			}
		}
		fmt.Fprintln(w)
	}
	for _, name := range slices.Sorted(maps.Keys(s.users)) {
		fmt.Fprintf(w, "user %s: %s\n", name, strings.Join(s.users[name].Groups, " "))
	}
	return nil
}
