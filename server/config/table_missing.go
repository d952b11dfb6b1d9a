package config

// missing declares a key of nats-server whose feature the broker lacks: its
// value is accepted, whatever it is, with a warning. What says what is missing.
func missing(key, what string, aliases ...string) setting {
	return setting{
		key: key, aliases: aliases, kind: unsupported, doc: what, lacks: "not supported yet, ignored: " + what,
	}
}

// guarding is missing for a key that keeps somebody out: as it cannot be heeded,
// a file that asks for it is refused. What says who would be let in.
func guarding(key, what string, aliases ...string) setting {
	st := missing(key, what, aliases...)
	st.lacks, st.guards = "not supported yet, and not ignored: "+what, true
	return st
}

// missingFlag is missing for a flag; arg is empty for one without a value.
func missingFlag(what, arg string, flags ...string) setting {
	return missing("", what).flagged(arg, flags...)
}

// flagged gives a setting flags.
func (st setting) flagged(arg string, flags ...string) setting {
	st.arg, st.flags = arg, flags
	return st
}

func missingTable() []setting {
	all := []setting{
		missing("jetstream", "JetStream").flagged("", "js", "jetstream"),
		missing("store_dir", "JetStream", "storedir").flagged("dir", "sd", "store_dir"),
		missing("default_js_domain", "JetStream"),
		missing("cluster", "clusters").flagged("url", "cluster", "cluster_listen"),
		missingFlag("clusters", "urls", "routes"),
		missingFlag("clusters", "name", "cluster_name"),
		missingFlag("clusters", "url", "cluster_advertise"),
		missingFlag("clusters", "", "no_advertise"),
		missingFlag("clusters", "number", "connect_retries"),
		missing("connect_error_reports", "clusters"),
		missing("reconnect_error_reports", "clusters"),
		missing("gateway", "gateways"),
		missing("leafnodes", "leaf nodes", "leaf"),
		missing("mqtt", "MQTT"),
		missing("syslog", "logging to syslog").flagged("", "s", "syslog"),
		missing("remote_syslog", "logging to syslog").flagged("url", "r", "remote_syslog"),
		missing("trace_headers", "traces of headers without payloads"),
		missing("max_traced_msg_len", "a bound for traced payloads").flagged("bytes", "max_traced_msg_len"),
		missing("http_base_path", "a path before those of monitoring"),
		missing("max_closed_clients", "another number of closed connections to remember than 10000"),
		missing("server_tags", "tags of the server"),
		missing("server_metadata", "metadata of the server"),
		missing("feature_flags", "features that are switched by name"),
		missing("no_system_account", "doing without a system account", "no_system", "no_sys_acc"),
		missing("disable_sublist_cache", "doing without the cache of subscriptions", "no_sublist_cache"),
		missing("write_timeout", "another policy than closing after write_deadline"),
		missing("proxy_protocol", "the PROXY protocol"),
		missing("proxies", "trusted proxies"),
		missing("ocsp", "OCSP stapling"),
		missing("ocsp_cache", "OCSP of client certificates"),
		guarding("resolver_pinned_accounts", "accounts that are not in it would be let in"),
	}
	for i := range all {
		all[i].section = sectionMissing
	}
	return all
}
