// Command moonwire runs the broker. Started under the name nats-server it takes
// the place of that one: same flags, exit codes and log lines.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"moonwire/cmd/moonwire/hooktool"
	"moonwire/cmd/moonwire/plugintool"
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
	if len(args) > 1 && args[1] == "hook" {
		return hooktool.Run(context.Background(), args[2:], hooktool.Program{
			Stdout: stdout, Stderr: stderr, Environ: environ, Engines: engines,
			Reload: func(whom string) error { return tell("reload", whom, name, "-pid") },
		})
	}
	if len(args) > 1 && args[1] == "plugin" {
		return plugintool.Run(args[2:], stdout, stderr)
	}
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
	again := func() (*config.Command, error) { return config.Parse(args[1:], environ) }
	return serve(cmd, name, again, stderr)
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
	var more []string
	s, err := server.New(cmd.Options, engines()...)
	if err == nil {
		more, err = s.Check()
	}
	for _, w := range append(cmd.Warnings, more...) {
		fmt.Fprintf(stderr, "%s: warning: %s\n", name, w)
	}
	if err != nil {
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

// serve runs a broker until a signal ends it.
func serve(cmd *config.Command, name string, parse func() (*config.Command, error), stderr io.Writer) int {
	o := &cmd.Options
	logger, err := log.New(logOptions(o))
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
	defer func() { _ = logger.Close() }() // nothing is left to say it with
	b := &broker{logger: logger, log: logger.Zap(), logs: logOptions(o), parse: parse}

	// Before anything can be asked to stop.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, watched()...)
	defer signal.Stop(signals)

	b.server, err = server.New(*o, append(engines(), server.WithLogger(b.log), server.OnReload(b.reconfigure))...)
	if err == nil {
		b.warn(cmd)
		if o.ConfigFile != "" {
			b.log.Info("Using configuration file: " + o.ConfigFile)
		}
		err = b.server.Start()
	}
	if err != nil {
		b.log.Log(zap.FatalLevel, err.Error())
		return 1
	}
	stopped := make(chan struct{})
	go func() {
		b.server.WaitForShutdown()
		close(stopped)
	}()
	for {
		select {
		case <-stopped:
			return 0
		case sig := <-signals:
			b.handle(sig)
		}
	}
}

// broker is a server with its log. One goroutine uses it.
type broker struct {
	server *server.Server
	logger *log.Logger
	log    *zap.Logger // that of logger
	logs   log.Options // as they are now
	parse  func() (*config.Command, error)
}

// logOptions are the options of the log.
func logOptions(o *config.Options) log.Options {
	return log.Options{
		Debug: o.Debug, Trace: o.Trace, Time: !o.NoLogtime, UTC: o.LogtimeUTC,
		File: o.LogFile, SizeLimit: o.LogSizeLimit, MaxFiles: o.LogMaxNum, Format: o.LogFormat,
	}
}

// handle does what a signal asks for.
func (b *broker) handle(sig os.Signal) {
	switch purposeOf(sig) {
	case stop:
		b.log.Info("Trapped signal: " + sig.String())
		b.server.Shutdown()
	case stopUnlessLameDuck:
		b.log.Info("Trapped signal: " + sig.String())
		if !b.server.InLameDuck() {
			b.server.Shutdown()
		}
	case lameDuck:
		b.server.LameDuck()
	case reopenLog:
		if b.logs.File == "" {
			b.log.Info("The log is not a file: nothing to re-open")
			return
		}
		if err := b.logger.Reopen(); err != nil {
			b.log.Error("Reopening the log: " + err.Error())
			return
		}
		b.log.Info("File log re-opened")
	case reload:
		b.log.Info("Trapped signal: " + sig.String())
		b.reload()
	}
}

// reload takes over what the command line, the environment and the file say now.
func (b *broker) reload() {
	cmd, err := b.parse()
	if err == nil {
		err = b.server.Reload(cmd.Options)
		b.warn(cmd) // into the new log, if it is another
	}
	if err == nil {
		return
	}
	for problem := range strings.Lines(err.Error()) {
		b.log.Error("Reloading the configuration: " + strings.TrimSpace(problem))
	}
	b.log.Error("Nothing was reloaded")
}

// reconfigure takes over the options of the log.
func (b *broker) reconfigure(o *config.Options) error {
	now := logOptions(o)
	if now == b.logs {
		return nil
	}
	if err := b.logger.Reconfigure(now); err != nil {
		return fmt.Errorf("log_file: %w", err)
	}
	b.logs = now
	return nil
}

// warn logs what is doubtful in a configuration.
func (b *broker) warn(cmd *config.Command) {
	for _, w := range cmd.Warnings {
		b.log.Warn(w)
	}
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
