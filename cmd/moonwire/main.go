// Command moonwire runs the broker. Started under the name nats-server it takes
// the place of that one: same flags, exit codes and log lines.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"moonwire/server"
	"moonwire/server/config"
	"moonwire/server/log"
)

func main() {
	os.Exit(run(os.Args, os.Environ(), os.Stdout, os.Stderr))
}

// run is main without its process: it returns the exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	cmd, err := config.Parse(args[1:], environ)
	if err != nil {
		complain(stderr, name, err)
		fmt.Fprintf(stderr, "%s: see %s -h for all options\n", name, name)
		return 1
	}
	switch cmd.Action {
	case config.TestConfig:
		return test(cmd, name, stderr)
	case config.Signal:
		if err := command(cmd.Signal, name); err != nil {
			complain(stderr, name, err)
			return 1
		}
		return 0
	case config.Help:
		fmt.Fprint(stdout, config.Usage(name))
		return 0
	case config.Version:
		fmt.Fprintln(stdout, version(name))
		return 0
	}
	return serve(cmd, name, stderr, func() (*config.Command, error) { return config.Parse(args[1:], environ) })
}

// complain writes each line of an error behind the name of the program.
func complain(w io.Writer, name string, err error) {
	for problem := range strings.Lines(err.Error() + "\n") {
		fmt.Fprint(w, name+": "+problem)
	}
}

// test says that a configuration is valid, or what a broker would not take. It
// writes where nats-server does.
func test(cmd *config.Command, name string, stderr io.Writer) int {
	for _, w := range cmd.Warnings {
		fmt.Fprintf(stderr, "%s: warning: %s\n", name, w)
	}
	if _, err := server.New(cmd.Options); err != nil {
		complain(stderr, name, err)
		return 1
	}
	fmt.Fprintf(stderr, "%s: configuration file %s is valid\n", name, cmd.Options.ConfigFile)
	return 0
}

// version is the line of -v. Scripts that start nats-server compare its
// version.
func version(name string) string {
	if name == "nats-server" {
		return name + ": v" + server.CompatibleVersion
	}
	return fmt.Sprintf("%s: v%s (for clients of nats-server v%s)", name, server.Version, server.CompatibleVersion)
}

// logging returns what the options say about the log.
func logging(o *server.Options) log.Options {
	return log.Options{
		Debug: o.Debug, Trace: o.Trace, Time: !o.NoLogtime, UTC: o.LogtimeUTC,
		File: o.LogFile, SizeLimit: o.LogSizeLimit, MaxFiles: o.LogMaxNum, Format: o.LogFormat,
	}
}

// serve runs a broker until a signal ends it. again reads the configuration anew,
// with the flags and variables of the start.
func serve(cmd *config.Command, name string, stderr io.Writer, again func() (*config.Command, error)) int {
	o := &cmd.Options
	logger, err := log.New(logging(o))
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	defer func() { _ = logger.Close() }() // nothing is left to say it with
	z := logger.Zap()

	// Before anything can be asked to stop.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, watched()...)
	defer signal.Stop(signals)

	s, err := server.New(*o, server.WithLogger(z))
	if err == nil {
		for _, w := range cmd.Warnings {
			z.Warn(w)
		}
		if o.ConfigFile != "" {
			z.Info("Using configuration file: " + o.ConfigFile)
		}
		err = s.Start()
	}
	if err != nil {
		z.Log(zap.FatalLevel, err.Error())
		return 1
	}
	p := &program{server: s, log: logger, toFile: o.LogFile != "", again: again}
	stopped := make(chan struct{})
	go func() {
		s.WaitForShutdown()
		close(stopped)
	}()
	for {
		select {
		case <-stopped:
			return 0
		case sig := <-signals:
			p.handle(sig)
		}
	}
}

// program is what signals act on.
type program struct {
	server *server.Server
	log    *log.Logger
	toFile bool // the log is a file
	again  func() (*config.Command, error)
}

// handle does what a signal asks for.
func (p *program) handle(sig os.Signal) {
	z, s := p.log.Zap(), p.server
	switch purposeOf(sig) {
	case stop:
		z.Info("Trapped signal: " + sig.String())
		s.Shutdown()
	case stopUnlessLameDuck:
		z.Info("Trapped signal: " + sig.String())
		if !s.InLameDuck() {
			s.Shutdown()
		}
	case lameDuck:
		s.LameDuck()
	case reopenLog:
		if !p.toFile {
			z.Info("The log is not a file: nothing to re-open")
			return
		}
		if err := p.log.Reopen(); err != nil {
			z.Error("Reopening the log: " + err.Error())
			return
		}
		z.Info("File log re-opened")
	case reload:
		if err := p.reload(); err != nil {
			for problem := range strings.Lines(err.Error()) {
				z.Error("Failed to reload server configuration: " + strings.TrimSuffix(problem, "\n"))
			}
		}
	}
}

// reload takes over what the configuration says now. With an error all is as
// before.
func (p *program) reload() error {
	cmd, err := p.again()
	if err != nil {
		return err
	}
	for _, w := range cmd.Warnings {
		p.log.Zap().Warn(w)
	}
	if err := p.server.Reload(cmd.Options); err != nil {
		return err
	}
	if err := p.log.Reconfigure(logging(&cmd.Options)); err != nil {
		return fmt.Errorf("logging goes on as before: %w", err)
	}
	p.toFile = cmd.Options.LogFile != ""
	return nil
}

// purpose is what a signal asks for.
type purpose int

const (
	stop purpose = iota
	stopUnlessLameDuck
	lameDuck
	reopenLog
	reload
)
