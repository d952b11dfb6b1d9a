package sandbox

import (
	"slices"
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// Names of functions that the rewritten tree calls. None of them can be written
// in a source, and none is a global: [Compile] puts the functions in their
// place. The names show up in tracebacks.
const (
	nameConcat = ".."
	nameSet    = "[]="
	nameTable  = "{}"
	nameDots   = "{...}"
	nameFunc   = "function()"
)

// rewriter changes a syntax tree so that what allocates, and what writes to a
// table, passes through a function of ours: .. and table constructors and
// closures are charged to the memory budget, an assignment to an index is
// charged for the growth of the table and refused by tables that are read-only.
type rewriter struct{}

func (w rewriter) block(stmts []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, len(stmts))
	for _, s := range stmts {
		out = w.stmt(out, s)
	}
	return out
}

// stmt appends what s becomes to out.
func (w rewriter) stmt(out []ast.Stmt, s ast.Stmt) []ast.Stmt {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return append(out, w.assign(s))
	case *ast.LocalAssignStmt:
		return w.local(out, s)
	case *ast.FuncDefStmt:
		return append(out, w.define(s))
	case *ast.FuncCallStmt:
		s.Expr = w.expr(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = w.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition, s.Stmts = w.expr(s.Condition), w.block(s.Stmts)
	case *ast.RepeatStmt:
		s.Condition, s.Stmts = w.expr(s.Condition), w.block(s.Stmts)
	case *ast.IfStmt:
		s.Condition, s.Then, s.Else = w.expr(s.Condition), w.block(s.Then), w.block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit, s.Stmts = w.expr(s.Init), w.expr(s.Limit), w.block(s.Stmts)
		if s.Step != nil {
			s.Step = w.expr(s.Step)
		}
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		s.Stmts = w.block(s.Stmts)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
	return append(out, s)
}

// local leaves the function of "local function" bare: the compiler lets only a
// bare one know its own name. It is charged just before.
func (w rewriter) local(out []ast.Stmt, s *ast.LocalAssignStmt) []ast.Stmt {
	if f, ok := bareFunction(s); ok {
		f.Stmts = w.block(f.Stmts)
		charge := &ast.FuncCallStmt{Expr: call(s.Line(), nameFunc)}
		charge.SetLine(s.Line())
		return append(out, charge, s)
	}
	w.exprs(s.Exprs)
	return append(out, s)
}

func bareFunction(s *ast.LocalAssignStmt) (*ast.FunctionExpr, bool) {
	if len(s.Names) != 1 || len(s.Exprs) != 1 {
		return nil, false
	}
	f, ok := s.Exprs[0].(*ast.FunctionExpr)
	return f, ok
}

// define turns "function a.b:c() end" into "a.b.c = function(self) end".
func (w rewriter) define(s *ast.FuncDefStmt) ast.Stmt {
	target := s.Name.Func
	if target == nil {
		key := &ast.StringExpr{Value: s.Name.Method}
		key.SetLine(s.Line())
		target = &ast.AttrGetExpr{Object: s.Name.Receiver, Key: key}
		target.SetLine(s.Line())
		s.Func.ParList.Names = append([]string{"self"}, s.Func.ParList.Names...)
	}
	a := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{s.Func}}
	a.SetLine(s.Line())
	return w.assign(a)
}

func (w rewriter) assign(s *ast.AssignStmt) ast.Stmt {
	w.exprs(s.Rhs)
	indexed := false
	for i, l := range s.Lhs {
		s.Lhs[i] = w.expr(l)
		_, ok := l.(*ast.AttrGetExpr)
		indexed = indexed || ok
	}
	one := len(s.Lhs) == 1 && len(s.Rhs) == 1
	switch {
	case one && indexed:
		return store(s.Line(), s.Lhs[0].(*ast.AttrGetExpr), s.Rhs[0])
	case one && spread(s.Rhs[0]) || !indexed && !slices.ContainsFunc(s.Rhs, inPlace):
		return s
	}
	return several(s)
}

// spread makes a call give its values to an assignment as if there were many,
// and reports whether e is one. The compiler puts the function of a call for one
// value into the register of the target, if that is the last parameter, and
// loses the argument that is there: "x = (f(x))".
func spread(e ast.Expr) bool {
	c, ok := e.(*ast.FuncCallExpr)
	if ok {
		c.AdjustRet = false
	}
	return ok
}

// inPlace reports whether the compiler may evaluate e in the register of what
// it is assigned to, with the mistake of spread.
func inPlace(e ast.Expr) bool {
	switch e.(type) {
	case *ast.FuncCallExpr, *ast.LogicalOpExpr:
		return true
	}
	return false
}

// store is "object[key] = value" as a call.
func store(line int, at *ast.AttrGetExpr, value ast.Expr) ast.Stmt {
	out := &ast.FuncCallStmt{Expr: call(line, nameSet, at.Object, at.Key, single(value))}
	out.SetLine(line)
	return out
}

// several is an assignment to more than one target: all operands are evaluated
// from left to right into locals of a block, then assigned from right to left.
func several(s *ast.AssignStmt) ast.Stmt {
	line := s.Line()
	locals := &ast.LocalAssignStmt{}
	locals.SetLine(line)
	temp := func(e ast.Expr) *ast.IdentExpr {
		id := ident(line, strconv.Itoa(len(locals.Names)))
		locals.Names = append(locals.Names, id.Value)
		if e != nil {
			locals.Exprs = append(locals.Exprs, e)
		}
		return id
	}
	writes := make([]func(ast.Expr) ast.Stmt, len(s.Lhs))
	for i, l := range s.Lhs {
		at, ok := l.(*ast.AttrGetExpr)
		if !ok {
			writes[i] = func(v ast.Expr) ast.Stmt {
				a := &ast.AssignStmt{Lhs: []ast.Expr{l}, Rhs: []ast.Expr{v}}
				a.SetLine(line)
				return a
			}
			continue
		}
		object, key := temp(single(at.Object)), temp(single(at.Key))
		writes[i] = func(v ast.Expr) ast.Stmt { return store(line, &ast.AttrGetExpr{Object: object, Key: key}, v) }
	}
	values := make([]ast.Expr, len(s.Lhs))
	for i := range values {
		values[i] = temp(nil)
	}
	locals.Exprs = append(locals.Exprs, s.Rhs...)
	block := &ast.DoBlockStmt{Stmts: []ast.Stmt{locals}}
	block.SetLine(line)
	block.SetLastLine(line)
	for i := len(writes) - 1; i >= 0; i-- {
		block.Stmts = append(block.Stmts, writes[i](values[i]))
	}
	return block
}

func (w rewriter) exprs(list []ast.Expr) {
	for i, e := range list {
		list[i] = w.expr(e)
	}
}

func (w rewriter) expr(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		e.Object, e.Key = w.expr(e.Object), w.expr(e.Key)
	case *ast.TableExpr:
		return w.table(e)
	case *ast.FuncCallExpr:
		if e.Func != nil {
			e.Func = w.expr(e.Func)
		} else {
			e.Receiver = w.expr(e.Receiver)
		}
		w.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = w.expr(e.Lhs), w.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = w.expr(e.Lhs), w.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = w.expr(e.Lhs), w.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return w.concat(e)
	case *ast.UnaryMinusOpExpr:
		e.Expr = w.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = w.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = w.expr(e.Expr)
	case *ast.FunctionExpr:
		e.Stmts = w.block(e.Stmts)
		return call(e.Line(), nameFunc, e)
	}
	return e
}

func (w rewriter) table(e *ast.TableExpr) ast.Expr {
	name, positional := nameTable, 0
	for i, f := range e.Fields {
		if f.Key != nil {
			f.Key = w.expr(f.Key)
		} else if positional++; i == len(e.Fields)-1 && many(f.Value) {
			name = nameDots
		}
		f.Value = w.expr(f.Value)
	}
	if positional > maxFields {
		// The compiler would lose the rest of them.
		panic(&tooLong{line: e.Line()})
	}
	return call(e.Line(), name, e)
}

// tooLong is a table constructor with too many fields.
type tooLong struct{ line int }

// concat turns a chain into one call. As in the interpreter, its operands must
// fit into the registers of the function, of which there are 200.
func (w rewriter) concat(e *ast.StringConcatOpExpr) ast.Expr {
	var parts []ast.Expr
	for {
		parts = append(parts, single(w.expr(e.Lhs)))
		next, ok := e.Rhs.(*ast.StringConcatOpExpr)
		if !ok {
			break
		}
		e = next
	}
	parts = append(parts, single(w.expr(e.Rhs)))
	return call(parts[0].Line(), nameConcat, parts...)
}

// call is the call of one of our functions, for one result.
func call(line int, name string, args ...ast.Expr) *ast.FuncCallExpr {
	c := &ast.FuncCallExpr{Func: ident(line, name), Args: args, AdjustRet: true}
	c.SetLine(line)
	return c
}

func ident(line int, name string) *ast.IdentExpr {
	id := &ast.IdentExpr{Value: name}
	id.SetLine(line)
	return id
}

// many reports whether an expression may have any number of values.
func many(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}

// single makes an expression have one value.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}
