package web

import (
	"go/ast"
	"go/types"
	"testing"

	"golang.org/x/tools/go/packages"
)

// A gin.Context is used again for the next request as soon as its handler
// ends, and what was given it as a context may look at it later than that
// (database/sql does): then one request's end is another's. So a call gets
// c.Request.Context().
func TestNoCallIsGivenAGinContextAsItsContext(t *testing.T) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile}, "sandai/web/...")
	if err != nil {
		t.Fatal(err)
	}
	handlers := 0
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Error(e)
		}
		for _, f := range p.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sig, ok := p.TypesInfo.TypeOf(call.Fun).(*types.Signature)
				if !ok {
					return true
				}
				for i, arg := range call.Args {
					if types.TypeString(p.TypesInfo.TypeOf(arg), nil) != "*github.com/gin-gonic/gin.Context" {
						continue
					}
					handlers++
					if i < sig.Params().Len() && types.TypeString(sig.Params().At(i).Type(), nil) == "context.Context" {
						t.Errorf("%s: %s is given the gin.Context itself; give it its request's context", p.Fset.Position(arg.Pos()), types.ExprString(call.Fun))
					}
				}
				return true
			})
		}
	}
	if handlers == 0 {
		t.Error("no call with a gin.Context was found: the test looks at nothing")
	}
}
