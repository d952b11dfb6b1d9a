package server

import (
	"fmt"
	"strings"

	"go.uber.org/zap"

	"moonwire/hooks"
)

// hookObserver logs what hooks decide, and what goes wrong with them. There is
// nothing in a line that a client presents to be let in, nor any payload.
func (s *Server) hookObserver() hooks.Observer {
	return hooks.Observer{
		Decision: s.logDecision,
		Failure:  s.logFailure,
		Breaker:  s.logBreaker,
	}
}

// logDecision logs a decision. One of shadow mode has no verdict, so that who looks
// for what was refused does not find what was not, but what it would have been; hook
// replay reads both.
func (s *Server) logDecision(d hooks.Decision) {
	brake, verdict := s.brakes.decisions, "verdict"
	if d.Mode == hooks.Shadow {
		brake, verdict = s.brakes.shadows, "would"
	}
	e := brake.Zap().Check(zap.InfoLevel, "Hook decision")
	if e == nil {
		return
	}
	fields := []zap.Field{zap.String("hook", d.Hook), zap.Stringer("point", d.Point)}
	if d.Mode == hooks.Shadow {
		fields = append(fields, zap.Stringer("mode", d.Mode))
	}
	fields = append(fields,
		zap.Uint64("client", d.Client.ID), zap.String("host", d.Client.Host),
		zap.String("account", d.Client.Account), zap.String("user", d.Client.User),
		zap.ByteString("subject", d.Subject), zap.Stringer(verdict, d.Verdict),
		zap.String("reason", d.Reason), zap.Bool("cached", d.Cached),
	)
	if d.Err != nil {
		fields = append(fields, zap.String("error", firstLine(d.Err)))
	}
	e.Write(fields...)
}

func (s *Server) logFailure(f hooks.Failure) {
	fields := []zap.Field{
		zap.String("hook", f.Hook), zap.Stringer("point", f.Point), zap.Stringer("kind", f.Kind),
	}
	if f.Omitted > 0 {
		fields = append(fields, zap.Uint64("omitted", f.Omitted))
	}
	if first, whole := firstLine(f.Err), fmt.Sprint(f.Err); first != whole {
		fields = append(fields, zap.String("detail", whole))
	}
	s.log.Error("Hook failed: "+firstLine(f.Err), fields...)
}

func (s *Server) logBreaker(hook string, state hooks.BreakerState) {
	log := s.log.With(zap.String("hook", hook), zap.Stringer("breaker", state))
	if state == hooks.BreakerOpen {
		log.Error("Hook is left alone, as it failed too often: on_error decides")
		return
	}
	log.Info("Hook works again")
}

// firstLine is an error without the traceback behind it.
func firstLine(err error) string {
	first, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	return first
}
