package server

// Version is Moonwire's own version.
const Version = "0.1.0"

// CompatibleVersion is the nats-server version whose client features the
// broker answers for: clients ask INFO for it and use what they may.
const CompatibleVersion = "2.14.0"

// apiLevel is the JetStream API level of CompatibleVersion. nats-server sends
// it with and without JetStream.
const apiLevel = 4
