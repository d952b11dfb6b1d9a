//go:build linux

package target

import (
	"errors"
	"strings"
)

// splitWords splits a command line at blanks. Single quotes keep everything,
// double quotes keep everything but a backslash before a double quote or a
// backslash, and a backslash outside quotes keeps the next character.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote rune
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("unfinished quote or backslash")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// splitEnv takes the leading NAME=VALUE words off.
func splitEnv(words []string) (env, argv []string) {
	for i, w := range words {
		name, _, ok := strings.Cut(w, "=")
		if !ok || !isName(name) {
			return words[:i], words[i:]
		}
	}
	return words, nil
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z')
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}
