// Package plugintest is for tests whose own binary is the plugin that they start, of
// which a broker that starts plugins and what holds them to the protocol have some.
//
// [Main] is their TestMain. [Serve] serves what the generated code of the protocol
// makes of a plugin, without the SDK: one that does what it should not.
package plugintest
