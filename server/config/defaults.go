package config

import (
	"cmp"
	"reflect"
	"time"
)

// Defaults that depend on something, and so are not in the table.
const (
	systemAccount     = "$SYS"
	authTimeout       = 2 * time.Second
	responseThreshold = 2 * time.Minute
	resolverInterval  = time.Minute
	resolverTimeout   = 1900 * time.Millisecond
	resolverLimit     = 1000
)

// WithDefaults returns a copy in which every field that has its zero value has
// its default. The copy shares nothing with o.
func (o Options) WithDefaults() Options {
	v := reflect.ValueOf(&o).Elem()
	v.Set(clone(v))
	known().fill(v)
	o.HTTPHost = cmp.Or(o.HTTPHost, o.Host)
	if o.AuthTimeout == 0 {
		o.AuthTimeout = authTimeout
		if o.TLS != nil {
			o.AuthTimeout = o.TLS.Timeout + time.Second
		}
	}
	if len(o.Operators) == 0 {
		o.SystemAccount = cmp.Or(o.SystemAccount, systemAccount)
	}
	for _, t := range []*TLS{o.TLS, o.WebSocket.TLS, o.Resolver.TLS} {
		if t != nil && t.VerifyAndMap {
			t.Verify = true
		}
	}
	o.Resolver.fill()
	for i := range o.Accounts {
		for j := range o.Accounts[i].Exports {
			o.Accounts[i].Exports[j].fill()
		}
	}
	o.eachPermissions((*Permissions).fill)
	return o
}

// fill sets the defaults of the table in a struct.
func (s *schema) fill(v reflect.Value) {
	s.visit(v, "", func(it *item, _ string, f reflect.Value) {
		if it.def != nil && f.IsZero() {
			f.Set(reflect.ValueOf(it.def).Convert(f.Type()))
		}
	})
}

func (r *Resolver) fill() {
	switch r.Type {
	case resolverFull:
		r.Interval = cmp.Or(r.Interval, resolverInterval)
	case resolverCache:
		r.Limit = cmp.Or(r.Limit, resolverLimit)
	case resolverFromURL:
	default:
		return
	}
	r.Timeout = cmp.Or(r.Timeout, resolverTimeout)
}

func (e *Export) fill() {
	if e.Service {
		e.ResponseType = cmp.Or(e.ResponseType, singleton)
		e.ResponseThreshold = cmp.Or(e.ResponseThreshold, responseThreshold)
	}
}

// fill turns off the blanket permission to publish for whoever has one to
// answer.
func (p *Permissions) fill() {
	if p.Responses != nil && len(p.Publish.Allow) == 0 {
		p.Publish.Deny = []string{">"}
	}
}

// eachPermissions calls f for all permissions that there are.
func (o *Options) eachPermissions(f func(*Permissions)) {
	all := []*Permissions{o.DefaultPermissions}
	users := func(us []User) {
		for i := range us {
			all = append(all, us[i].Permissions)
		}
	}
	users(o.Users)
	for i := range o.Accounts {
		all = append(all, o.Accounts[i].DefaultPermissions)
		users(o.Accounts[i].Users)
	}
	for _, p := range all {
		if p != nil {
			f(p)
		}
	}
}

// clone returns a deep copy of a value made of structs, pointers to them,
// slices, maps and scalars.
func clone(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			out.Field(i).Set(clone(v.Field(i)))
		}
		return out
	case reflect.Interface:
		if !v.IsNil() {
			return clone(v.Elem())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out := reflect.New(v.Type().Elem())
			out.Elem().Set(clone(v.Elem()))
			return out
		}
	case reflect.Slice:
		if !v.IsNil() {
			out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			for i := range v.Len() {
				out.Index(i).Set(clone(v.Index(i)))
			}
			return out
		}
	case reflect.Map:
		if !v.IsNil() {
			out := reflect.MakeMapWithSize(v.Type(), v.Len())
			for k, e := range v.Seq2() {
				out.SetMapIndex(k, clone(e))
			}
			return out
		}
	}
	return v
}
