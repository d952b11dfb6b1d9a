// Package log is zap in nats-server's clothes: it builds the one *zap.Logger of
// a process and owns where its lines go.
//
// A line is, byte for byte, what scripts and harnesses grep for:
//
//	[4711] 2026/11/22 20:31:00.123456 [INF] Server is ready
//	[4711] 2026/11/22 20:31:07.000042 [WRN] Slow consumer cid=12 pending="64 MiB"
//
// that is the process id, the date and time with microseconds, a level of INF,
// DBG, WRN, ERR, FTL or TRC, the message, and behind it the structured fields.
// With Format "json" each line is a JSON object instead. Lines go to stderr, with
// the level in colour where that is a terminal, or to a file that is rotated by
// size or reopened on a signal.
//
// Trace is a level of its own, below debug, and neither includes the other: with
// tracing on and debugging off, TRC lines appear and DBG lines do not. Fatal
// writes an FTL line and returns; the exit code is the caller's decision.
//
// Ownership: cmd creates the Logger, hands Logger.Zap to the server, which gives
// each room a child, and closes it last. Options may change while children are
// in use (Reconfigure). A line that cannot be written is dropped and counted,
// never retried: no logging call fails or panics for want of disk space.
//
// The package does not read configuration, handle signals or write to syslog.
//
//	l, err := log.New(log.Options{Time: true, File: "/var/log/moonwire.log"})
//	if err != nil {
//		return err
//	}
//	defer l.Close()
//	l.Zap().Info("Server is ready", zap.Int("port", 4222))
package log
