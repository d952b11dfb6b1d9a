package hooktool

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"moonwire/hooks"
	"moonwire/server/config"
)

// reload has a running broker take what its configuration says now, after it was
// checked here: what is wrong with a script is told on the spot, and not in the
// log of the broker only.
//
// There is one way to tell a broker, the signal, by which it reads all of its
// configuration. Hooks whose files and settings are as they were stay at work. A
// broker that watches its files has no need to be told of one hook; so nothing is
// sent for a NAME unless watching is off.
func (t *tool) reload(args []string) error {
	f := t.flags()
	conf := f.String("c", "", "the `configuration` that the broker was started with")
	whom := f.String("pid", "", "the broker, by its process `id`, or by a file that holds it; by default pid_file of the configuration, or the one that runs")
	names, err := parse(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(names) > 1:
		return usagef("name one hook, or none for all of the configuration")
	case *conf == "" && len(names) > 0:
		return usagef("say by -c which configuration has the hook %q", names[0])
	}
	if *conf == "" {
		fmt.Fprintln(t.Stdout, "no configuration is given by -c: nothing was checked")
		return t.signal(*whom, "")
	}
	o, err := t.openConfiguration(*conf)
	if err != nil {
		return fmt.Errorf("%w\nnothing was sent to the broker", err)
	}
	defer o.close()
	list := o.hooks
	set, err := hooks.Compile(list, hooks.Options{})
	if err != nil {
		return errors.Join(err, closeEngines(t.ctx, list), errors.New("nothing was sent to the broker"))
	}
	for _, w := range set.Warnings {
		fmt.Fprintf(t.Stdout, "warning: %s\n", w)
	}
	if err := set.Close(t.ctx); err != nil {
		return err
	}
	fmt.Fprintf(t.Stdout, "%s is valid, with %s\n", *conf, count(len(list), "hook"))
	if len(names) > 0 {
		if done, err := t.reloadOne(names[0], list, o.options); done || err != nil {
			return err
		}
	}
	return t.signal(*whom, o.options.PidFile)
}

// reloadOne reports whether nothing is left to do for one hook.
func (t *tool) reloadOne(name string, list []hooks.Hook, o *config.Options) (done bool, err error) {
	i := slices.IndexFunc(list, func(h hooks.Hook) bool { return h.Name == name })
	switch {
	case i < 0:
		return false, fmt.Errorf("the configuration has no hook %q", name)
	case list[i].Mode == hooks.Off:
		return false, fmt.Errorf("hook %q is off", name)
	case o.Hooks.Reload.NoWatch:
		fmt.Fprintf(t.Stdout, "the broker does not watch its files: all of its configuration is reloaded; hooks that are as they were stay\n")
		return false, nil
	}
	fmt.Fprintf(t.Stdout, "the broker watches its files: it takes hook %q by itself when they change; nothing was sent\n", name)
	return true, nil
}

// signal tells a broker: the one that is named, or that a file names, or the one
// that runs.
func (t *tool) signal(whom, pidFile string) error {
	if t.Reload == nil {
		return errors.New("a broker cannot be told from here")
	}
	if whom == "" && pidFile != "" {
		if _, err := os.Stat(pidFile); err == nil {
			whom = pidFile
		}
	}
	if err := t.Reload(whom); err != nil {
		return err
	}
	shown := "the broker"
	if whom != "" {
		shown += " of " + whom
	}
	fmt.Fprintf(t.Stdout, "%s was told to reload; its log says what came of it\n", shown)
	return nil
}
