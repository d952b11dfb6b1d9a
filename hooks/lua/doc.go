// Package lua runs hook scripts.
package lua
