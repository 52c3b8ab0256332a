package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"golang.org/x/tools/go/packages"
)

//go:embed inside/mutant.go.txt
var runtimeSource []byte

//go:embed inside/postgres_test.go.txt
var postgresSource []byte

// mutant is one change of one place.
type mutant struct {
	ID     int    `json:"id"`
	Room   string `json:"room"`
	Place  string `json:"place"` // file:line
	Kind   string `json:"kind"`
	Change string `json:"change"`
}

func (m mutant) String() string { return fmt.Sprintf("%s %s: %s", m.Place, m.Kind, m.Change) }

// edit wraps the text of a node, whose inner nodes may be edited themselves.
type edit struct {
	from, to int
	wrap     func(inner string) string
}

// mutants finds all places and gives, for the compiler's -overlay, the changed
// text of every file.
func mutants(rooms []string) ([]mutant, map[string][]byte, error) {
	patterns := make([]string, len(rooms))
	for i, r := range rooms {
		patterns[i] = "./internal/" + r
	}
	loaded, err := packages.Load(&packages.Config{
		Dir:  *repo,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps,
	}, patterns...)
	if err != nil {
		return nil, nil, err
	}
	if packages.PrintErrors(loaded) > 0 {
		return nil, nil, fmt.Errorf("the service does not compile")
	}
	sort.Slice(loaded, func(i, j int) bool { return loaded[i].PkgPath < loaded[j].PkgPath })
	inside := filepath.Join(*repo, "internal", "mutant")
	overlay := map[string][]byte{
		filepath.Join(inside, "mutant.go"):        runtimeSource,
		filepath.Join(inside, "postgres_test.go"): postgresSource,
	}
	var all []mutant
	for _, p := range loaded {
		for i, file := range p.Syntax {
			name := p.GoFiles[i]
			src, err := os.ReadFile(name)
			if err != nil {
				return nil, nil, err
			}
			c := &changer{p: p, room: filepath.Base(p.PkgPath), name: filepath.Base(name), src: string(src), all: &all}
			ast.Walk(visitor{c, nil}, file)
			if len(c.edits) == 0 {
				continue
			}
			at := p.Fset.Position(file.Name.End()).Offset
			c.edits = append(c.edits, edit{at, at, func(string) string { return `; import mutant "latchkey/internal/mutant"` }})
			overlay[name] = []byte(render(c.src, c.edits))
		}
	}
	return all, overlay, nil
}

// render applies edits, the outer ones around the inner ones.
func render(src string, edits []edit) string {
	sort.SliceStable(edits, func(i, j int) bool {
		a, b := edits[i], edits[j]
		return a.from < b.from || a.from == b.from && a.to > b.to
	})
	var within func(from, to int, rest []edit) string
	within = func(from, to int, rest []edit) string {
		var b strings.Builder
		for len(rest) > 0 {
			e := rest[0]
			n := 1
			for n < len(rest) && rest[n].from < e.to {
				n++
			}
			b.WriteString(src[from:e.from])
			b.WriteString(e.wrap(within(e.from, e.to, rest[1:n])))
			from, rest = e.to, rest[n:]
		}
		b.WriteString(src[from:to])
		return b.String()
	}
	return within(0, len(src), edits)
}

// changer collects the changes of one file.
type changer struct {
	p     *packages.Package
	room  string
	name  string
	src   string
	all   *[]mutant
	edits []edit
}

func (c *changer) text(n ast.Node) string {
	return c.src[c.offset(n.Pos()):c.offset(n.End())]
}

func (c *changer) offset(p token.Pos) int { return c.p.Fset.Position(p).Offset }

func (c *changer) add(n ast.Node, kind, change string) int {
	id := len(*c.all) + 1
	m := mutant{id, c.room, fmt.Sprintf("%s/%s:%d", c.room, c.name, c.p.Fset.Position(n.Pos()).Line), kind, strings.Join(strings.Fields(change), " ")}
	for slices.ContainsFunc(*c.all, func(o mutant) bool { return o.String() == m.String() }) {
		m.Change += ", again" // twice on one line
	}
	*c.all = append(*c.all, m)
	return id
}

func (c *changer) wrap(n ast.Node, f func(inner string) string) {
	c.edits = append(c.edits, edit{c.offset(n.Pos()), c.offset(n.End()), f})
}

func (c *changer) typeOf(e ast.Expr) types.TypeAndValue { return c.p.TypesInfo.Types[e] }

// visitor walks with the result types of the function that it is in.
type visitor struct {
	*changer
	results *types.Tuple
}

func (v visitor) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.StructType, *ast.InterfaceType, *ast.ArrayType, *ast.FuncType:
		return nil
	case *ast.GenDecl:
		if n.Tok == token.CONST || n.Tok == token.TYPE || n.Tok == token.IMPORT {
			return nil
		}
	case *ast.FuncDecl:
		v.results = v.p.TypesInfo.Defs[n.Name].Type().(*types.Signature).Results()
	case *ast.FuncLit:
		v.results = v.typeOf(n).Type.(*types.Signature).Results()
	case *ast.BlockStmt:
		v.statements(n.List)
	case *ast.CaseClause:
		v.statements(n.Body)
		for _, e := range n.List {
			if v.typeOf(e).Value == nil { // constant cases must stay so
				ast.Walk(v, e)
			}
		}
		for _, s := range n.Body {
			ast.Walk(v, s)
		}
		return nil
	case *ast.KeyValueExpr:
		if v.typeOf(n.Value).Type != nil {
			ast.Walk(v, n.Value)
		}
		return nil
	case *ast.IfStmt:
		v.condition(n.Cond)
	case ast.Expr:
		return v.expression(n)
	}
	return v
}

// expression changes constants, comparisons, sums and truth.
func (v visitor) expression(n ast.Expr) ast.Visitor {
	t := v.typeOf(n)
	if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		v.statementInSQL(lit)
		return nil
	}
	if t.Value != nil { // constant: as a whole, or not at all
		v.constant(n, t)
		return nil
	}
	b, ok := n.(*ast.BinaryExpr)
	if !ok {
		if not, ok := n.(*ast.UnaryExpr); ok && not.Op == token.NOT {
			id := v.add(n, "negation", v.text(n)+" → "+v.text(not.X))
			v.wrap(n, func(inner string) string { return fmt.Sprintf("mutant.Not(%d, %s)", id, inner) })
		}
		return v
	}
	left, right := v.text(b.X), v.text(b.Y)
	var others []string
	switch b.Op {
	case token.LAND, token.LOR:
		other := map[token.Token]string{token.LAND: " || ", token.LOR: " && "}[b.Op]
		others = []string{left + other + right, left, right}
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		edge := map[token.Token]string{token.LSS: " <= ", token.LEQ: " < ", token.GTR: " >= ", token.GEQ: " > "}[b.Op]
		turned := map[token.Token]string{token.LSS: " >= ", token.LEQ: " > ", token.GTR: " <= ", token.GEQ: " < "}[b.Op]
		others = []string{left + edge + right, left + turned + right}
	case token.EQL, token.NEQ:
		if right == "nil" && left == "err" {
			return v // "no error" is changed where it is returned
		}
		turned := map[token.Token]string{token.EQL: " != ", token.NEQ: " == "}[b.Op]
		others = []string{left + turned + right}
	case token.ADD, token.SUB, token.MUL, token.QUO:
		basic, ok := t.Type.Underlying().(*types.Basic)
		if !ok || basic.Info()&types.IsNumeric == 0 {
			return v
		}
		id := v.add(n, "arithmetic", v.text(n)+" with the opposite of "+b.Op.String())
		op, split := b.Op, v.offset(b.OpPos)
		v.edits = append(v.edits, edit{split, split + 1, func(string) string { return "," }})
		v.wrap(n, func(inner string) string { return fmt.Sprintf("mutant.Arith(%d, %q, %s)", id, op, inner) })
		return v
	default:
		return v
	}
	var branches strings.Builder
	for _, other := range others {
		id := v.add(n, "condition", v.text(n)+" → "+other)
		fmt.Fprintf(&branches, "if mutant.On(%d) { return %s }; ", id, other)
	}
	v.wrap(n, func(inner string) string {
		return "func() bool { " + branches.String() + "return " + inner + " }()"
	})
	return v
}

// condition turns an "if" round that is no comparison.
func (v visitor) condition(cond ast.Expr) {
	switch cond.(type) {
	case *ast.Ident, *ast.CallExpr, *ast.SelectorExpr:
		if v.typeOf(cond).Value != nil {
			return
		}
		id := v.add(cond, "negation", v.text(cond)+" → !"+v.text(cond))
		v.wrap(cond, func(inner string) string { return fmt.Sprintf("mutant.Not(%d, %s)", id, inner) })
	}
}

func (v visitor) constant(n ast.Expr, t types.TypeAndValue) {
	basic, ok := t.Type.Underlying().(*types.Basic)
	if !ok {
		return
	}
	switch {
	case basic.Info()&types.IsBoolean != 0:
		id := v.add(n, "constant", v.text(n)+" → the opposite")
		v.wrap(n, func(inner string) string { return fmt.Sprintf("mutant.Not(%d, %s)", id, inner) })
	case basic.Info()&types.IsNumeric != 0 && t.Value.Kind() != constant.Complex:
		name, change := basic.Name(), " → one more"
		if named, ok := t.Type.(*types.Named); ok {
			name = named.Obj().Name()
			switch {
			case named.String() == "time.Duration":
				name, change = "mutant.Duration", " → twice"
			case named.Obj().Pkg() != v.p.Types:
				return
			}
		}
		if basic.Info()&types.IsUntyped != 0 || basic.Kind() == types.Rune || basic.Kind() == types.UnsafePointer {
			return
		}
		id := v.add(n, "constant", v.text(n)+change)
		v.wrap(n, func(inner string) string { return fmt.Sprintf("mutant.Const[%s](%d, %s)", name, id, inner) })
	}
}

// statements leaves out what is done, and what is returned of an error.
func (v visitor) statements(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && v.text(call.Fun) == "panic" {
				continue
			}
			v.leaveOut(s)
		case *ast.IncDecStmt:
			v.leaveOut(s)
		case *ast.AssignStmt:
			if s.Tok != token.DEFINE && slices.ContainsFunc(s.Lhs, func(e ast.Expr) bool { return v.text(e) != "_" }) {
				v.leaveOut(s)
			}
		case *ast.ReturnStmt:
			v.swallow(s)
		}
	}
}

func (v visitor) leaveOut(s ast.Stmt) {
	first, _, more := strings.Cut(v.text(s), "\n")
	if more {
		first += " …"
	}
	id := v.add(s, "statement", first+" is left out")
	v.wrap(s, func(inner string) string { return fmt.Sprintf("if !mutant.On(%d) { %s }", id, inner) })
}

func (v visitor) swallow(s *ast.ReturnStmt) {
	if v.results == nil || len(s.Results) == 0 || len(s.Results) != v.results.Len() {
		return
	}
	last := s.Results[len(s.Results)-1]
	kind := v.results.At(len(s.Results) - 1).Type().String()
	if kind != "error" && kind != "*latchkey/internal/fault.Fault" || v.text(last) == "nil" {
		return
	}
	others := make([]string, len(s.Results))
	for i, r := range s.Results {
		others[i] = v.text(r)
	}
	others[len(others)-1] = "nil"
	id := v.add(s, "error", v.text(s)+" → nil")
	was := v.text(last)
	v.wrap(s, func(inner string) string {
		return fmt.Sprintf("if mutant.On(%d) { _ = %s; return %s }; %s", id, was, strings.Join(others, ", "), inner)
	})
}
