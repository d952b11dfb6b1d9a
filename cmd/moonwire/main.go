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
		for problem := range strings.Lines(err.Error() + "\n") {
			fmt.Fprint(stderr, name+": "+problem)
		}
		fmt.Fprintf(stderr, "%s: see %s -h for all options\n", name, name)
		return 1
	}
	switch cmd.Action {
	case config.Help:
		fmt.Fprint(stdout, config.Usage(name))
		return 0
	case config.Version:
		fmt.Fprintln(stdout, version(name))
		return 0
	}
	return serve(cmd, name, stderr)
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
func serve(cmd *config.Command, name string, stderr io.Writer) int {
	o := &cmd.Options
	logger, err := log.New(log.Options{
		Debug: o.Debug, Trace: o.Trace, Time: !o.NoLogtime, UTC: o.LogtimeUTC,
		File: o.LogFile, SizeLimit: o.LogSizeLimit, MaxFiles: o.LogMaxNum, Format: o.LogFormat,
	})
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
			handle(sig, s, o.LogFile != "", logger)
		}
	}
}

// handle does what a signal asks for; toFile says that the log is a file.
func handle(sig os.Signal, s *server.Server, toFile bool, logger *log.Logger) {
	z := logger.Zap()
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
		if !toFile {
			z.Info("The log is not a file: nothing to re-open")
			return
		}
		if err := logger.Reopen(); err != nil {
			z.Error("Reopening the log: " + err.Error())
			return
		}
		z.Info("File log re-opened")
	case reload:
		z.Warn("This version cannot reload its configuration: restart the broker to change it")
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
