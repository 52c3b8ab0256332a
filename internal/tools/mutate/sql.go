package main

import (
	"fmt"
	"go/ast"
	"regexp"
	"strconv"
	"strings"
)

var (
	sqlVerb    = regexp.MustCompile(`\b(SELECT|UPDATE|INSERT|DELETE)\b`)
	sqlComment = regexp.MustCompile(`--[^\n]*`)
	sqlWords   = regexp.MustCompile(`'[^']*'|\$\d+|[A-Za-z_][A-Za-z_0-9]*|<=|>=|<>|::|[0-9]+|\S`)

	// What ends a condition at its own depth of parentheses.
	sqlEnds = map[string]bool{
		"AND": true, "OR": true, "ORDER": true, "GROUP": true, "LIMIT": true, "FOR": true, "RETURNING": true, "ON": true, "UNION": true,
		"WHERE": true, "THEN": true, "ELSE": true, "END": true, "WHEN": true, "JOIN": true, "LEFT": true, "CROSS": true, "SET": true, ",": true, ";": true, ")": true,
	}
)

// statementInSQL offers each change of a statement.
func (v visitor) statementInSQL(lit *ast.BasicLit) {
	text, err := strconv.Unquote(lit.Value)
	if err != nil || !sqlVerb.MatchString(text) {
		return
	}
	var changed strings.Builder
	for _, c := range sqlChanges(text) {
		fmt.Fprintf(&changed, ", %d, %s", v.add(lit, "sql", c.says), strconv.Quote(c.text))
	}
	if changed.Len() > 0 {
		v.wrap(lit, func(inner string) string { return "mutant.SQL(" + inner + changed.String() + ")" })
	}
}

type sqlChange struct{ says, text string }

// sqlChanges makes each condition hold always (one behind OR: never), and
// moves each bound by its edge. A condition stays in the text, so that the
// statement keeps its parameters.
func sqlChanges(text string) (changes []sqlChange) {
	text = sqlComment.ReplaceAllString(text, "")
	words := sqlWords.FindAllStringIndex(text, -1)
	word := func(i int) string { return text[words[i][0]:words[i][1]] }
	for i := range words {
		switch w := word(i); w {
		case "WHERE", "AND", "OR":
			if i+1 == len(words) || between(word, i) {
				continue
			}
			from, to := words[i+1][0], words[conditionEnd(word, i+1, len(words))-1][1]
			says, value := "always", " OR TRUE)"
			if w == "OR" {
				says, value = "never", " AND FALSE)"
			}
			changes = append(changes, sqlChange{w + " " + text[from:to] + " " + says, text[:from] + "((" + text[from:to] + ")" + value + text[to:]})
		case "<", "<=", ">", ">=":
			edge := map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">"}[w]
			around := text[words[max(i-2, 0)][0]:words[min(i+2, len(words)-1)][1]]
			changes = append(changes, sqlChange{around + ": " + w + " → " + edge, text[:words[i][0]] + edge + text[words[i][1]:]})
		}
	}
	return changes
}

// conditionEnd is the word after the condition that begins at word i.
func conditionEnd(word func(int) string, i, n int) int {
	for depth := 0; i < n; i++ {
		w := word(i)
		if depth == 0 && sqlEnds[w] && !between(word, i) {
			return i
		}
		switch w {
		case "(", "[":
			depth++
		case ")", "]":
			depth--
		}
	}
	return n
}

// between reports whether a word is the AND of a BETWEEN.
func between(word func(int) string, i int) bool {
	return word(i) == "AND" && i >= 2 && word(i-2) == "BETWEEN"
}
